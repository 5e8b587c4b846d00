"""The four records of the product, each a frozen dataclass beside its Arrow schema.

Stages pass records through Parquet parts; `table` and `rows` are the only way in and out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypedDict, TypeVar

import pyarrow as pa

from yelian.core.digest import record_id
from yelian.core.errors import StageError


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One text from one place.

    `source` is `<source name>/<path>`, never an absolute path; `locator` is the place inside the file
    ("" for all of it, "line 12" in a JSONL); `published_at` is an ISO 8601 date; `licence` is "unknown"
    when nobody stated one.
    """

    id: str
    text: str
    source: str
    locator: str
    language: str
    title: str | None
    published_at: str | None
    licence: str
    tags: list[str]
    scores: dict[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to learn from or be measured on. `generator` names what wrote it, e.g. `back-construction:MU01/2`."""

    id: str
    messages: list[Message]
    task: str
    document_ids: list[str]
    origin: str
    generator: str


@dataclasses.dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with a better and a worse answer."""

    id: str
    prompt: list[Message]
    chosen: str
    rejected: str
    origin: str


@dataclasses.dataclass(frozen=True, slots=True)
class Ranking:
    """One rater's order over the answers of one item; `given` holds a rank per system, 1 the best, ties allowed."""

    id: str
    item: str
    rater: str
    kind: Literal["human", "judge"]
    shown: list[str]
    given: dict[str, float]
    notes: str


_MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string(), False), pa.field("content", pa.string(), False)]))
_STRINGS = pa.list_(pa.string())
_SCORES = pa.map_(pa.string(), pa.float64())


def _schema(**fields: pa.DataType) -> pa.Schema:
    optional = {"title", "published_at"}
    return pa.schema([pa.field(name, kind, nullable=name in optional) for name, kind in fields.items()])


_TEXT = pa.string()
DOCUMENT = _schema(
    id=_TEXT, text=_TEXT, source=_TEXT, locator=_TEXT, language=_TEXT, title=_TEXT,
    published_at=_TEXT, licence=_TEXT, tags=_STRINGS, scores=_SCORES,
)  # fmt: skip
CONVERSATION = _schema(id=_TEXT, messages=_MESSAGES, task=_TEXT, document_ids=_STRINGS, origin=_TEXT, generator=_TEXT)
PREFERENCE = _schema(id=_TEXT, prompt=_MESSAGES, chosen=_TEXT, rejected=_TEXT, origin=_TEXT)
RANKING = _schema(id=_TEXT, item=_TEXT, rater=_TEXT, kind=_TEXT, shown=_STRINGS, given=_SCORES, notes=_TEXT)

SCHEMAS: dict[type, pa.Schema] = {
    Document: DOCUMENT,
    Conversation: CONVERSATION,
    Preference: PREFERENCE,
    Ranking: RANKING,
}
_MAPS = {"scores", "given"}

R = TypeVar("R", Document, Conversation, Preference, Ranking)


def document_id(source: str, locator: str, text: str) -> str:
    """Id of a document: where it came from and what it said when it was read, before any cleaning."""
    return record_id("doc", [source, locator, text])


def conversation_id(messages: list[Message], task: str, document_ids: list[str]) -> str:
    """Id of a conversation: its messages, its task and the documents it was made from."""
    return record_id("conv", [[[m["role"], m["content"]] for m in messages], task, document_ids])


def table(kind: type[R], records: Iterable[R]) -> pa.Table:
    """Records to an Arrow table of their schema.

    A value of another type raises pyarrow's own error; a missing value where none may be missing, a StageError.
    """
    schema = SCHEMAS[kind]
    rows = [{name: _encode(name, getattr(record, name)) for name in schema.names} for record in records]
    made = pa.Table.from_pylist(rows, schema=schema)
    for field in schema:  # pyarrow does not hold its own `nullable=False`
        if not field.nullable and made.column(field.name).null_count:
            raise StageError(f"a {kind.__name__} lacks its {field.name}", fix="report this fault")
    return made


def rows(kind: type[R], batches: Iterable[pa.RecordBatch]) -> Iterator[R]:
    """Record batches back to records, in order."""
    for batch in batches:
        for row in batch.to_pylist():
            yield kind(**{name: _decode(name, value) for name, value in row.items()})


def _encode(name: str, value: Any) -> Any:
    return sorted(value.items()) if name in _MAPS else value


def _decode(name: str, value: Any) -> Any:
    return dict(value) if name in _MAPS else value
