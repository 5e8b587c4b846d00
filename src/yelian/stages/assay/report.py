"""The report: base against tuned, and where every record went; one HTML page and its JSON twin."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import ClassVar, Self

import pyarrow as pa

from yelian.core import files
from yelian.core.digest import Json
from yelian.core.errors import InputError
from yelian.engine.stage import Job, Stage
from yelian.recipe.schema import Recipe
from yelian.stages.assay import items
from yelian.stages.assay.comparisons import MAIN, Comparison, Level, compare_all, pair
from yelian.stages.assay.findings import findings, task_names

PAGE, TWIN = "report.html", "report.json"

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("metric", "score", "task", "unit", "better")),
        *(pa.field(name, pa.float64()) for name in ("base", "tuned", "difference", "low", "high")),
        *(pa.field(name, pa.int64()) for name in ("n", "documents", "excluded")),
        pa.field("verdict", pa.string()),
    ]
)


class Report(Stage):
    """Compare both arms and write `report.html` and `report.json`. The ledger counts planned comparisons."""

    NAME: ClassVar[str] = "assay.report"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "comparisons"

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._level = Level(recipe.assay.bootstrap, recipe.assay.confidence, recipe.assay.seed)

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """Every recipe ends in a report."""
        return cls(recipe)

    def params(self) -> Mapping[str, Json]:
        """What the page says and how its intervals are made."""
        return {
            "name": self._recipe.name,
            "language": self._recipe.language,
            "domain": self._recipe.domain,
            "base_model": self._recipe.model.base,
            "tasks": task_names(self._recipe.domain, self._recipe.language),
            **dataclasses.asdict(self._level),
        }

    def reads(self) -> tuple[str, ...]:
        """Every stage before it, in the order of the pipeline."""
        trim = ("model.trim",) if self._recipe.model.trim else ()
        before = ("corpus.read", "corpus.clean", "instruct.build", "model.base", *trim)
        return (*before, "model.tune", "assay.base", "assay.tuned")

    def run(self, job: Job) -> None:
        """Write the twin first, then the page; InputError when there is no main figure to report."""
        from yelian.stages.assay.page import render

        pairs = pair(*(list(items.read(job.inputs[stage])) for stage in ("assay.base", "assay.tuned")))
        comparisons, empty = compare_all(pairs, self._level)
        if not comparisons or comparisons[0].metric != MAIN:
            raise InputError(
                "no held-out conversation could be measured, so there is nothing to compare",
                fix="raise corpus.held_out or add documents, so that the held-out part yields conversations",
            )
        inputs = {stage: job.inputs[stage] for stage in self.reads()}
        report = findings(self._recipe, self._level, inputs, comparisons, pairs, job.shell)
        files.write_text(job.folder / TWIN, json.dumps(report, ensure_ascii=False, indent=1, allow_nan=False))
        files.write_text(job.folder / PAGE, render(report))
        main = comparisons[0]
        scores = {each.metric: {"base": each.base, "tuned": each.tuned, "n": each.n} for each in comparisons}
        job.metric("scores", scores)
        job.metric("main", {name: getattr(main, name) for name in ("metric", "difference", "low", "high", "verdict")})
        if not job.has("comparisons"):
            job.commit(
                "comparisons",
                read=len(comparisons) + len(empty),
                tables={"comparisons": comparison_table(comparisons)},
                removed=empty,
            )


def comparison_table(comparisons: list[Comparison]) -> pa.Table:
    """Comparisons as an Arrow table."""
    return pa.Table.from_pylist([dataclasses.asdict(each) for each in comparisons], schema=SCHEMA)
