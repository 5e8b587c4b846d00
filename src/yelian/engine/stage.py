"""The contract between the engine and a stage.

A stage is built from the recipe, says which stages it reads and which outside files it depends on, checks what can
be checked before any work, and then does its work into the folder that its `Job` gives it. It never sees the store,
the plan or another stage.

A record stage works in parts: `for part in ...: if job.has(part): continue; ...; job.commit(part, ...)`. A part is
written whole or not at all, and a killed run goes on from the parts that are there. Parts must not depend on each
other, or on the moment at which the run was killed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from yelian.core.digest import Json
from yelian.core.ledger import Ledger, Removal
from yelian.recipe.schema import Recipe, Run

REMOVED = "removed"  # the table of every record stage that holds its removals


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished artifact: its id (`corpus.read-1a2b…`), its folder and its manifest."""

    id: str
    path: Path
    manifest: Mapping[str, Any]

    @property
    def ledger(self) -> Ledger:
        """The stage's balanced ledger."""
        return Ledger.from_json(self.manifest["ledger"])

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What the stage measured."""
        return self.manifest["metrics"]  # type: ignore[no-any-return]

    def batches(self, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Record batches of a table, in the order of its parts; memory holds one batch at a time."""
        for part in sorted((self.path / name).glob("*.parquet")):
            with pq.ParquetFile(part) as file:
                yield from file.iter_batches(columns=columns)

    def count(self, name: str) -> int:
        """Rows of a table, read from the Parquet footers."""
        return sum(pq.read_metadata(part).num_rows for part in (self.path / name).glob("*.parquet"))


class Job(Protocol):
    """What the engine gives a running stage."""

    inputs: Mapping[str, Artifact]
    """The artifacts of the stages named by `reads()`, by stage name."""
    folder: Path
    """Where the stage writes files of its own (model folders, pages). It survives a kill as it was left."""
    settings: Run
    """How to work: threads, device. Must not change the result."""

    def has(self, part: str) -> bool:
        """Whether an earlier, killed run of this very stage already committed the part."""

    def commit(self, part: str, *, read: int, tables: Mapping[str, pa.Table], removed: Iterable[Removal] = ()) -> None:
        """Write one part of each table, and its removals, at once and whole.

        Every row of `tables` counts as kept; StageError when `read` is not kept + removed.
        """

    def metric(self, name: str, value: Json) -> None:
        """Write a measured figure (or a small JSON value) into the manifest."""

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Tell the display how far the work is; cheap enough to be called per record."""

    def note(self, message: str) -> None:
        """Show one line to the person at the terminal."""

    def shell(self, *words: str) -> str:
        """The command to paste, in the folder where this run was started, to call Yelian on this store."""


class Stage(ABC):
    """One step of the pipeline. Constructors are cheap: heavy imports belong into `check` and `run`."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    """Raised whenever the same input would give another output; a golden file guards it."""
    UNIT: ClassVar[str]
    """What the ledger counts."""

    @classmethod
    @abstractmethod
    def from_recipe(cls, recipe: Recipe) -> Self | None:
        """The stage as this recipe wants it, or None where the recipe does without it."""

    @abstractmethod
    def params(self) -> Mapping[str, Json]:
        """Everything of the recipe that changes the result, as plain JSON: it is hashed."""

    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Names of the stages whose artifacts this one reads."""

    def outside(self) -> Mapping[str, Path]:
        """Files outside the store that the result depends on, by a name that is the same on any machine."""
        return {}

    def check(self) -> None:  # noqa: B027 - most stages have nothing to check
        """Raise RecipeError or InputError for what can be known before any work. Called by `plan`."""

    def forecast(self) -> str | None:
        """One line on what the work will take, where it can be known beforehand."""
        return None

    @abstractmethod
    def run(self, job: Job) -> None:
        """Do the work. It may be killed at any moment and called again on the same folder."""
