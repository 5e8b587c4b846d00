"""Artifacts of other stages, made up for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from tiny import TEXT
from yelian.core import records
from yelian.core.records import Conversation, Document
from yelian.engine.job import FolderJob
from yelian.engine.stage import Artifact
from yelian.recipe.schema import Run

ONE_THREAD = Run(threads=1, device="cpu")


def artifact(folder: Path, unit: str, **tables: pa.Table) -> Artifact:
    """An artifact of some other stage, with these tables."""
    job = FolderJob("made.up", unit, folder, {}, Run())
    job.commit("all", read=sum(table.num_rows for table in tables.values()), tables=tables)
    return Artifact("made.up-1", folder, {"ledger": job.ledger().as_json(), "metrics": {}})


def document(number: int, text: str) -> Document:
    return Document(f"doc-{number}", text, f"docs/{number}.txt", "", "zh", None, None, "CC0", [], {})


def conversation(number: int, asked: str, answered: str, task: str = "MU01") -> Conversation:
    messages: list[records.Message] = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return Conversation(f"conv-{number:02}", messages, task, [f"doc-{number}"], "docs", f"test:{task}")


def instruct(folder: Path, train: Iterable[Conversation]) -> Artifact:
    held_out = [conversation(99, "请写标题", "春节")]
    return artifact(
        folder,
        "conversations",
        train=records.table(Conversation, train),
        held_out=records.table(Conversation, held_out),
    )


def talks(count: int = 12) -> list[Conversation]:
    """Conversations of unlike lengths from the stand-in's own text."""
    lines = [line for line in TEXT.splitlines() if line]
    return [
        conversation(
            number, f"请为下面的文章写标题：{lines[number % 6][: 8 + 3 * number]}", lines[number % 5][: 4 + number]
        )
        for number in range(count)
    ]


def as_rows(made: Artifact, table: str) -> list[dict[str, Any]]:
    return [row for batch in made.batches(table) for row in batch.to_pylist()]
