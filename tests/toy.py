"""Three toy stages for the engine's tests: read lines, keep the long ones, count them. No model, no library.

A run of them takes milliseconds, or as long as the environment's YELIAN_TOY_PAUSE makes each part take.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import pyarrow as pa

from yelian.core.digest import Json, record_id
from yelian.core.errors import InputError, RecipeError
from yelian.core.ledger import Removal
from yelian.core.records import Conversation, Document, conversation_id, document_id, rows, table
from yelian.engine.job import Display
from yelian.engine.plan import Plan, make_plan
from yelian.engine.run import RunResult, execute
from yelian.engine.stage import Job, Stage
from yelian.engine.store import Store
from yelian.recipe.loader import load
from yelian.recipe.schema import Recipe

CATALOG = {"toy.read": "toy:Read", "toy.talk": "toy:Talk", "toy.count": "toy:Count"}
RECIPE = """\
yelian: 1
name: toy
corpus:
  sources:
    - path: lines
instruct: {tasks: [MU01]}
model: {base: none}
assay: {questions: none}
"""


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with a recipe and files of lines; returns the recipe's path."""
    (folder / "lines").mkdir(parents=True)
    for name, text in files.items():
        (folder / "lines" / name).write_text(text, encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.yaml"


def planned(path: Path, store: Store, *settings: str, until: str | None = None) -> Plan:
    """The plan of a toy recipe."""
    return make_plan(load(path, settings), CATALOG, store, until)


def ran(path: Path, store: Store, *settings: str) -> RunResult:
    """A whole run of a toy recipe."""
    return execute(planned(path, store, *settings), store, Display())


class Read(Stage):
    """One document per line; a line that says `bad` is rejected."""

    NAME: ClassVar[str] = "toy.read"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "lines"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        return cls(recipe.folder / recipe.corpus.sources[0].path)

    def params(self) -> Mapping[str, Json]:
        return {}

    def reads(self) -> tuple[str, ...]:
        return ()

    def outside(self) -> Mapping[str, Path]:
        return {f"lines/{path.name}": path for path in sorted(self.folder.iterdir())}

    def check(self) -> None:
        if not self.folder.is_dir():
            raise RecipeError("no such folder", fix="make it", key=("corpus", "sources", 0, "path"))

    def run(self, job: Job) -> None:
        files = self.outside()
        for index, (source, path) in enumerate(files.items()):
            part = f"{index:04}"
            if job.has(part):
                continue
            documents, removed = [], []
            lines = path.read_text(encoding="utf-8").splitlines()
            for number, text in enumerate(lines, start=1):
                locator = f"line {number}"
                if text == "bad":
                    removed.append(Removal("rejected", "bad_line", source, locator))
                    continue
                identity = document_id(source, locator, text)
                documents.append(Document(identity, text, source, locator, "zh", None, None, "CC0-1.0", [], {}))
            time.sleep(float(os.environ.get("YELIAN_TOY_PAUSE", "0")))
            job.commit(part, read=len(lines), tables={"documents": table(Document, documents)}, removed=removed)
            job.progress(index + 1, len(files), "files")


class Talk(Stage):
    """A conversation per document of three characters or more; the seed changes nothing but the key."""

    NAME: ClassVar[str] = "toy.talk"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "documents"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        return cls(recipe.instruct.seed)

    def params(self) -> Mapping[str, Json]:
        return {"seed": self.seed}

    def reads(self) -> tuple[str, ...]:
        return ("toy.read",)

    def check(self) -> None:
        if self.seed == 13:
            raise InputError("seed 13 brings bad luck", fix="take another")

    def run(self, job: Job) -> None:
        for index, batch in enumerate(job.inputs["toy.read"].batches("documents")):
            if job.has(f"{index:04}"):
                continue
            kept, removed = [], []
            for document in rows(Document, [batch]):
                if len(document.text) < 3:
                    removed.append(Removal("dropped", "too_short", document.source, document.locator, document.id))
                    continue
                messages = [{"role": "user", "content": "say"}, {"role": "assistant", "content": document.text}]
                identity = conversation_id(messages, "MU01", [document.id])
                kept.append(Conversation(identity, messages, "MU01", [document.id], "toy", "toy"))
            time.sleep(float(os.environ.get("YELIAN_TOY_PAUSE", "0")))
            job.commit(f"{index:04}", read=batch.num_rows, tables={"train": table(Conversation, kept)}, removed=removed)


class Count(Stage):
    """A file of its own with the number of conversations, and a table that passes their ids on."""

    NAME: ClassVar[str] = "toy.count"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "conversations"

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        return cls()

    def params(self) -> Mapping[str, Json]:
        return {}

    def reads(self) -> tuple[str, ...]:
        return ("toy.talk",)

    def run(self, job: Job) -> None:
        count = job.inputs["toy.talk"].count("train")
        (job.folder / "count.txt").write_text(str(count), encoding="utf-8")
        ids = [batch.select(["id"]) for batch in job.inputs["toy.talk"].batches("train")]
        numbered = pa.table({"id": range(count), "length": range(count)})  # a row number is no record's id
        tables = {"seen": pa.Table.from_batches(ids), "numbered": numbered}
        job.commit("0000", read=2 * count, tables=tables)
        job.metric("conversations", count)
        job.metric("id", record_id("count", count))


if __name__ == "__main__":  # a whole run in a process of its own, for the tests that kill it
    ran(Path(sys.argv[1]), Store(Path(sys.argv[2])))
