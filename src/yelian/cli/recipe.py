"""`yelian init`, `plan` and `run`: what is done with a recipe."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from yelian.engine.plan import Plan
    from yelian.engine.run import RunResult
    from yelian.engine.store import Store
    from yelian.recipe.loader import LoadedRecipe

RecipePath = Annotated[Path, typer.Argument(help="The recipe, a YAML file.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. model.sft.seed=2.")
]
Until = Annotated[str | None, typer.Option(help="Stop after this stage (corpus.clean) or room (corpus).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def plan(recipe: RecipePath, set_: Settings = None, until: Until = None, as_json: AsJson = False) -> None:
    """Check everything; show what is cached, what is new and why. Does no work."""
    _, made = _planned(recipe, set_, until)
    if as_json:
        typer.echo(json.dumps({"steps": [_step_json(step) for step in made.steps]}, ensure_ascii=False))
        return
    _print_plan(made)


def run(recipe: RecipePath, set_: Settings = None, until: Until = None, as_json: AsJson = False) -> None:
    """Make what is not there yet, up to the report and the release. A killed run goes on where it was."""
    from yelian.cli.display import LiveDisplay, display_for
    from yelian.engine.run import execute

    store, made = _planned(recipe, set_, until)
    display = display_for(sys.stderr)
    try:
        result = execute(made, store, display, _program())
    finally:
        if isinstance(display, LiveDisplay):
            display.stop()
    facts = _result_json(result)
    typer.echo(json.dumps(facts, ensure_ascii=False)) if as_json else _print_result(facts, made)


def init(folder: Annotated[Path, typer.Argument(help="A new or empty folder.")]) -> None:
    """Start a project: a folder for documents and a recipe that reads them."""
    from importlib import resources

    from yelian.core.errors import InputError
    from yelian.core.files import write_text

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder", fix="name a new folder; nothing was written")
    (folder / "documents").mkdir(parents=True)
    template = resources.files("yelian.cli").joinpath("recipe.template.yaml").read_text(encoding="utf-8")
    write_text(folder / "recipe.yaml", template)
    typer.echo(
        f"{folder / 'recipe.yaml'} is ready.\n"
        f"  1. put documents (txt, md, html, pdf, docx, jsonl) into {folder / 'documents'}\n"
        f"  2. yelian plan {folder / 'recipe.yaml'}\n"
        f"  3. yelian run {folder / 'recipe.yaml'}"
    )


def _program() -> str:
    """How this shell calls Yelian: by its name where that is on the PATH, else by its path from here."""
    import shutil

    return "yelian" if shutil.which("yelian") else os.path.relpath(sys.argv[0])


def _planned(recipe: Path, settings: list[str] | None, until: str | None) -> tuple[Store, Plan]:
    from yelian.engine.plan import make_plan
    from yelian.engine.store import Store
    from yelian.recipe.loader import load
    from yelian.stages.catalog import CATALOG

    loaded: LoadedRecipe = load(recipe, settings or ())
    store = Store(Path(loaded.recipe.run.store))
    return store, make_plan(loaded, CATALOG, store, until)


def _step_json(step: Any) -> dict[str, Any]:
    return {
        "stage": step.stage.NAME,
        "artifact": step.artifact,
        "state": step.state,
        "why": step.why,
        "forecast": step.stage.forecast(),
        "last_seconds": step.last_seconds,
    }


def _print_plan(made: Plan) -> None:
    from rich.console import Console
    from rich.table import Table

    from yelian.cli.display import duration

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "state", "last time", "why", "forecast"):
        table.add_column(column, overflow="fold")
    colours = {"cached": "dim", "partial": "yellow", "new": "green"}
    for step in made.steps:
        last = duration(step.last_seconds) if step.last_seconds is not None else "–"
        table.add_row(
            step.stage.NAME,
            f"[{colours[step.state]}]{step.state}[/]",
            last,
            step.why,
            (step.stage.forecast() or "") if step.state != "cached" else "",
        )
    console = Console()
    console.print(table)
    known = [step.last_seconds for step in made.work if step.last_seconds is not None]
    text = f"{len(made.work)} of {len(made.steps)} stages to do"
    if known and len(known) == len(made.work):
        text += f"; the same stages last took {duration(sum(known))} here"
    console.print(f"\n{text}.", highlight=False)


def _result_json(result: RunResult) -> dict[str, Any]:
    """The facts of a run; a stage that this run left out (`--until`) is null."""
    report, release = result.artifacts.get("assay.report"), result.artifacts.get("release.pack")
    return {
        "run": result.id,
        "report": str((report.path / "report.html").resolve()) if report else None,
        "report_json": str((report.path / "report.json").resolve()) if report else None,
        "release": str((release.path / "release").resolve()) if release else None,
        "computed": len(result.computed),
        "ledgers_balance": result.ledgers_balance,
        "artifacts": {name: artifact.id for name, artifact in result.artifacts.items()},
    }


def _print_result(facts: dict[str, Any], made: Plan) -> None:
    typer.echo(f"{facts['run']}: {facts['computed']} of {len(made.steps)} stages did work")
    for name in ("report", "release"):
        if facts[name]:
            typer.echo(f"  {name:8} {os.path.relpath(facts[name])}")
    if facts["release"]:
        typer.echo(f"  talk     yelian chat {os.path.relpath(facts['release'])}")
