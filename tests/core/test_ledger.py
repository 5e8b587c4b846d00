import pytest

from yelian.core.errors import StageError
from yelian.core.ledger import REMOVAL, Ledger, Removal, removal_table


def test_a_ledger_balances_when_every_record_is_kept_dropped_or_rejected():
    ledger = Ledger("documents", read=6, kept=3)
    ledger.dropped.update(duplicate=2)
    assert not ledger.balances
    ledger.rejected.update(bad_json=1)
    assert ledger.balances


def test_an_unbalanced_ledger_is_our_fault_and_says_where():
    with pytest.raises(StageError, match=r"corpus\.read, part 0001: the ledger does not balance: read 2 documents"):
        Ledger("documents", read=2, kept=1).check("corpus.read, part 0001")


def test_ledgers_add_up_reason_by_reason():
    total = Ledger("documents")
    for _ in range(2):
        part = Ledger("documents", read=3, kept=1)
        part.dropped.update(duplicate=2)
        total.add(part)
    assert total.as_json() == {"unit": "documents", "read": 6, "kept": 2, "dropped": {"duplicate": 4}, "rejected": {}}


def test_a_ledger_survives_json():
    ledger = Ledger("documents", read=2, kept=1)
    ledger.rejected.update(empty=1)
    assert Ledger.from_json(ledger.as_json()) == ledger


def test_removals_keep_place_and_reason_and_may_lack_an_id():
    table = removal_table([Removal("rejected", "bad_json", "docs/a.jsonl", "line 7", detail="cut off")])
    assert table.schema == REMOVAL
    assert table.to_pylist() == [
        {
            "outcome": "rejected",
            "reason": "bad_json",
            "source": "docs/a.jsonl",
            "locator": "line 7",
            "record_id": None,
            "detail": "cut off",
        }
    ]
