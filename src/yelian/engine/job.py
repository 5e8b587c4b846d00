"""The job behind a running stage: parts that are whole or absent, and a ledger summed from what is on the disk.

Layout of a stage's folder while it is being built, and after:

    <table>/<part>.parquet     the parts of each table
    removed/<part>.parquet     what did not come out, and why
    .parts/<part>.json         written last: this part is whole; holds its ledger (gone once the artifact is sealed)
    anything else              files of the stage's own
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa

from yelian.core import files
from yelian.core.digest import Json
from yelian.core.errors import StageError
from yelian.core.ledger import Ledger, Removal, removal_table
from yelian.engine.stage import REMOVED, Artifact
from yelian.recipe.schema import Run

PARTS = ".parts"
PROGRAM = "yelian"
_PART = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Display:
    """Where progress goes. This one shows nothing; the terminal's own overrides what it shows."""

    def begin(self, stage: str, index: int, count: int, why: str) -> None:
        """Stage `index` of `count` begins to work."""

    def cached(self, stage: str, index: int, count: int) -> None:
        """Stage `index` of `count` has its artifact already."""

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """How far the running stage is."""

    def note(self, message: str) -> None:
        """One line for the person at the terminal."""

    def end(self, ledger: Ledger, seconds: float) -> None:
        """The running stage is done."""


class FolderJob:
    """A `Job` over one folder. Satisfies `yelian.engine.stage.Job`."""

    def __init__(
        self,
        stage: str,
        unit: str,
        folder: Path,
        inputs: Mapping[str, Artifact],
        settings: Run,
        display: Display | None = None,
        program: str = PROGRAM,
    ) -> None:
        self.stage = stage
        self.unit = unit
        self.folder = folder
        self.inputs = inputs
        self.settings = settings
        self.metrics: dict[str, Json] = {}
        self._display = display or Display()
        self._program = program
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, part: str) -> bool:
        """Whether the part was committed, in this run or in an earlier one that was killed."""
        return self._marker(part).exists()

    def commit(self, part: str, *, read: int, tables: Mapping[str, pa.Table], removed: Iterable[Removal] = ()) -> None:
        """Write the part's tables and removals, check that they balance, and only then mark the part as whole."""
        if not _PART.fullmatch(part) or REMOVED in tables:
            raise StageError(
                f"{self.stage}: bad part {part!r} or table names {sorted(tables)}", fix="report this fault"
            )
        gone = list(removed)
        ledger = Ledger(self.unit, read=read, kept=sum(table.num_rows for table in tables.values()))
        for removal in gone:
            (ledger.dropped if removal.outcome == "dropped" else ledger.rejected)[removal.reason] += 1
        ledger.check(f"{self.stage}, part {part}")
        for name, table in tables.items():
            files.write_table(self.folder / name / f"{part}.parquet", table)
        files.write_table(self.folder / REMOVED / f"{part}.parquet", removal_table(gone))
        files.write_text(self._marker(part), json.dumps(ledger.as_json(), ensure_ascii=False))

    def ledger(self) -> Ledger:
        """The sum of all committed parts."""
        total = Ledger(self.unit)
        for marker in sorted((self.folder / PARTS).glob("*.json")):
            total.add(Ledger.from_json(json.loads(marker.read_text(encoding="utf-8"))))
        return total

    def metric(self, name: str, value: Json) -> None:
        """Keep a figure for the manifest."""
        self.metrics[name] = value

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Pass on to the display."""
        self._display.progress(done, total, unit)

    def note(self, message: str) -> None:
        """Pass on to the display."""
        self._display.note(message)

    def shell(self, *words: str) -> str:
        """`yelian trace conv-…`, with the store where it is not the default one."""
        store = () if self.settings.store == Run().store else ("--store", self.settings.store)
        return shlex.join([self._program, *words, *store])

    def _marker(self, part: str) -> Path:
        return self.folder / PARTS / f"{part}.json"
