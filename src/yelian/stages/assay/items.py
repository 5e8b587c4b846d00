"""What is measured: one row per item and arm, of the same shape for base and tuned model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal

import pyarrow as pa

from yelian.core.records import Message
from yelian.engine.stage import Artifact

Kind = Literal["answer_likelihood", "article_likelihood", "written_answer", "question"]

TABLE = "items"
ARTICLES = "articles"  # stands for the task of raw articles

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("document_ids", pa.list_(pa.string()), nullable=False),
        pa.field("nats", pa.float64()),
        pa.field("ending_nats", pa.float64()),
        pa.field("tokens", pa.int64()),
        pa.field("characters", pa.int64()),
        pa.field("prompt", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("finished", pa.bool_()),
        pa.field("scores", pa.map_(pa.string(), pa.float64()), nullable=False),
    ]
)


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One measurement. `id` is the conversation's, document's or question's own id.

    A likelihood has `nats`, `tokens` and `characters` of the text that was scored, and that of an answer the
    `ending_nats` of the token that ends it; a written answer has `answer` and `finished` (False: cut off at the
    longest allowed answer). A question has no `reference`.
    """

    id: str
    kind: Kind
    task: str
    document_ids: list[str]
    nats: float | None = None
    ending_nats: float | None = None
    tokens: int | None = None
    characters: int | None = None
    prompt: str | None = None
    reference: str | None = None
    answer: str | None = None
    finished: bool | None = None
    scores: dict[str, float] = dataclasses.field(default_factory=dict)


def table(items: Iterable[Item]) -> pa.Table:
    """Items as an Arrow table."""
    rows = [{**dataclasses.asdict(item), "scores": sorted(item.scores.items())} for item in items]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def read(artifact: Artifact) -> Iterator[Item]:
    """The items of an assay artifact, in order."""
    for batch in artifact.batches(TABLE):
        for row in batch.to_pylist():
            yield Item(**{**row, "scores": dict(row["scores"])})


def plain(messages: Iterable[Message]) -> str:
    """Messages as one text for a person."""
    return "\n\n".join(message["content"] for message in messages)
