"""Run one stage alone, as the engine would, and get its artifact back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yelian.engine.job import FolderJob
from yelian.engine.stage import Artifact, Stage
from yelian.recipe.schema import Recipe, Run


def recipe(folder: Path, **sections: dict) -> Recipe:
    """A small valid recipe; each section given replaces the default of that name."""
    base: dict = {
        "yelian": 1,
        "name": "test",
        "corpus": {"sources": ({"path": "docs"},)},
        "instruct": {"tasks": ("MU01",)},
        "model": {"base": "tiny"},
        "assay": {"questions": "quickstart"},
    }
    return Recipe.model_validate({**base, **sections, "folder": folder})


def run_stage(
    stage: Stage, folder: Path, inputs: Mapping[str, Artifact] | None = None, run: Run | None = None
) -> Artifact:
    """Check and run the stage in `folder`; the artifact's ledger is balanced."""
    stage.check()
    job = FolderJob(stage.NAME, stage.UNIT, folder, inputs or {}, run or Run())
    stage.run(job)
    ledger = job.ledger()
    ledger.check(stage.NAME)
    return Artifact(
        stage.NAME + "-test", folder, {"ledger": ledger.as_json(), "metrics": job.metrics, "stage": stage.NAME}
    )
