import pyarrow.parquet as pq
import pytest

from toy import ran
from yelian.core.errors import InputError
from yelian.engine.lineage import describe, diff, differences, resolve, trace


def conversation(result) -> dict:
    return pq.read_table(result.artifacts["toy.talk"].path / "train").to_pylist()[1]


def test_a_conversation_is_traced_to_file_line_and_licence(path, store):
    result = ran(path, store)
    row = conversation(result)
    found = trace(store, row["id"])
    assert found["kind"] == "record"
    assert found["artifact"] == result.artifacts["toy.talk"].id, "toy.count only passed the id on"
    assert found["record"]["messages"] == row["messages"]
    assert [
        (document["source"], document["locator"], document["licence"], document["file"])
        for document in found["documents"]
    ] == [("lines/a.txt", "line 4", "CC0-1.0", str(path.parent / "lines" / "a.txt"))]


def test_the_beginning_of_an_id_is_enough_while_it_fits_one_record_only(path, store):
    row = conversation(ran(path, store))
    assert trace(store, row["id"][:14])["id"] == row["id"]
    with pytest.raises(InputError, match="fits 16 records"):
        trace(store, "conv-")


def test_a_document_traces_to_itself_in_the_artifact_that_read_it(path, store):
    result = ran(path, store)
    identity = conversation(result)["document_ids"][0]
    found = trace(store, identity)
    assert (found["kind"], found["artifact"]) == ("document", result.artifacts["toy.read"].id)
    assert [document["id"] for document in found["documents"]] == [identity]


def test_a_model_lists_the_documents_behind_it_and_no_others(path, store):
    result = ran(path, store)
    found = trace(store, result.artifacts["toy.count"].id)
    assert len(found["documents"]) == 16  # the 8 documents that were too short to talk about are not among them
    assert found["by_source"] == {f"lines/{letter}.txt": 2 for letter in "abcdefgh"}
    assert found["by_licence"] == {"CC0-1.0": 16}
    assert found["ancestors"] == [result.artifacts["toy.talk"].id, result.artifacts["toy.read"].id]


def test_a_folder_inside_an_artifact_is_traced_as_that_artifact(path, store):
    result = ran(path, store)
    assert trace(store, str(result.artifacts["toy.count"].path / "count.txt"))["id"] == result.artifacts["toy.count"].id


def test_a_run_traces_to_the_documents_of_its_last_artifact(path, store):
    result = ran(path, store)
    assert len(trace(store, result.id)["documents"]) == 16
    assert describe(store, result.id)["status"] == "done"


def test_an_unknown_id_says_where_to_find_one(path, store):
    ran(path, store)
    with pytest.raises(InputError, match=r"nothing in .* has the id conv-0000"):
        trace(store, "conv-0000")
    with pytest.raises(InputError, match="no run or artifact run-x"):
        trace(store, "run-x")


def test_a_diff_of_two_runs_shows_settings_records_by_reason_and_figures(path, store):
    before = ran(path, store)
    (path.parent / "lines" / "a.txt").write_text("bad\nbad\n只有这一行\n", encoding="utf-8")
    after = ran(path, store, "instruct.seed=2")
    found = diff(store, before.id, after.id)
    assert found["settings"] == {"instruct.seed": [0, 2]}
    assert found["ledgers"]["toy.read.rejected.bad_line"] == [8, 9]
    assert found["ledgers"]["toy.talk.dropped.too_short"] == [8, 7]
    assert found["metrics"]["toy.count.conversations"] == [16, 15]
    assert set(found["artifacts"]) == {"toy.read", "toy.talk", "toy.count"}


def test_a_run_does_not_differ_from_itself(path, store):
    run = ran(path, store).id
    found = diff(store, run, run)
    assert not any(found[part] for part in ("settings", "artifacts", "ledgers", "metrics"))


def test_what_only_one_side_has_is_shown_against_nothing():
    assert differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 3, "d": 4}}) == {
        "a": [1, None],
        "b.c": [2, 3],
        "b.d": [None, 4],
    }


def test_resolve_refuses_a_beginning_that_several_ids_share(path, store):
    ran(path, store)
    assert resolve(store, "toy.read").startswith("toy.read-")
    with pytest.raises(InputError, match="fits 3 ids"):
        resolve(store, "toy.")
