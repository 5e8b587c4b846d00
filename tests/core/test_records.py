import dataclasses

import pytest

from yelian.core.errors import StageError
from yelian.core.records import (
    SCHEMAS,
    Conversation,
    Document,
    Preference,
    Ranking,
    conversation_id,
    document_id,
    rows,
    table,
)

TALK = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
RECORDS = [
    Document("doc-1", "正文", "docs/a.txt", "", "zh", None, "2026-01-02", "unknown", ["format:txt"], {"chars": 2.0}),
    Document("doc-2", "", "docs/b.txt", "line 3", "zh", "题", None, "CC-BY-4.0", [], {}),
    Conversation("conv-1", TALK, "MU01", ["doc-1"], "back-construction", "back-construction:MU01/0"),
    Preference("pref-1", TALK[:1], "好", "坏", "ranking"),
    Ranking("rank-1", "item-1", "ed", "human", ["a", "b"], {"a": 1.0, "b": 1.5}, ""),
]


@pytest.mark.parametrize("kind", list(SCHEMAS))
def test_a_schema_has_exactly_the_fields_of_its_record_in_their_order(kind):
    assert SCHEMAS[kind].names == [field.name for field in dataclasses.fields(kind)]


@pytest.mark.parametrize("record", RECORDS)
def test_records_come_back_from_arrow_as_they_went_in(record):
    arrow = table(type(record), [record, record])
    assert arrow.schema == SCHEMAS[type(record)]
    assert list(rows(type(record), arrow.to_batches())) == [record, record]


def test_a_missing_value_is_an_error_unless_the_schema_allows_it():
    assert table(Document, [dataclasses.replace(RECORDS[0], title=None)]).num_rows == 1
    with pytest.raises(StageError, match="a Document lacks its text"):
        table(Document, [RECORDS[0], dataclasses.replace(RECORDS[0], text=None)])


def test_a_document_is_known_by_its_place_and_its_words():
    first = document_id("docs/a.txt", "", "正文")
    assert first == document_id("docs/a.txt", "", "正文")
    assert len({first, document_id("docs/b.txt", "", "正文"), document_id("docs/a.txt", "line 1", "正文")}) == 3


def test_a_conversation_is_known_by_its_words_task_and_documents():
    assert len({conversation_id(TALK, task, [doc]) for task in ("MU01", "MU02") for doc in ("doc-1", "doc-2")}) == 4
