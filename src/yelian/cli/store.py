"""`yelian runs`, `show`, `trace` and `diff`: what a store knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from yelian.engine.store import Store

StorePath = Annotated[Path, typer.Option("--store", envvar="YELIAN_STORE", help="Folder of artifacts and runs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
DEFAULT_STORE = Path(".yelian")


def runs(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """List the runs of this store, the newest last."""
    from yelian.engine.run import run_records

    records = run_records(_open(store))
    if as_json:
        return typer.echo(json.dumps(records, ensure_ascii=False))
    rows = [
        (
            record["id"],
            record["status"],
            record["name"],
            f"{sum(step['computed'] for step in record['steps'])} of {len(record['steps'])}",
            record["recipe"],
        )
        for record in records
    ]
    return _print_table(
        ("run", "status", "name", "computed", "recipe"), rows, "no runs yet: start one with `yelian run`"
    )


def show(
    name: Annotated[str | None, typer.Argument(help="A run, an artifact or a record; nothing lists artifacts.")] = None,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show a run, an artifact (its manifest, ledger and figures) or a record; without a name, list the artifacts."""
    from yelian.engine.lineage import describe

    opened = _open(store)
    if name is None:
        return _list_artifacts(opened, as_json)
    value = describe(opened, name)
    return typer.echo(json.dumps(value, ensure_ascii=False)) if as_json else _print_value(value)


def trace(
    name: Annotated[str, typer.Argument(help="Any id of a report, card or table; the beginning of one will do.")],
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Walk back from a sample, a model or a figure to the source files, with position and licence."""
    from yelian.engine.lineage import trace as walk

    found = walk(_open(store), name)
    if as_json:
        return typer.echo(json.dumps(found, ensure_ascii=False))
    typer.echo(f"{found['kind']} {found['id']}")
    if "artifact" in found:
        typer.echo(f"  made in   {found['artifact']}")
    for ancestor in found.get("ancestors", ()):
        typer.echo(f"  made from {ancestor}")
    typer.echo(f"  documents {len(found['documents'])}")
    for document in found["documents"]:
        place = f" ({document['locator']})" if document["locator"] else ""
        typer.echo(f"    {document['source']}{place}  licence {document['licence']}  {document['id']}")
        if document["file"]:
            typer.echo(f"      {document['file']}")
    return None


def diff(
    a: Annotated[str, typer.Argument(help="A run.")],
    b: Annotated[str, typer.Argument(help="Another run.")],
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two runs: settings, artifacts, records by reason, figures."""
    from yelian.engine.lineage import diff as compare

    found = compare(_open(store), a, b)
    if as_json:
        return typer.echo(json.dumps(found, ensure_ascii=False))
    typer.echo(f"{found['a']}  →  {found['b']}")
    for part in ("settings", "artifacts", "ledgers", "metrics"):
        typer.echo(f"\n{part}:" + ("" if found[part] else " the same"))
        for key, (left, right) in found[part].items():
            typer.echo(f"  {key}: {_brief(left)} → {_brief(right)}")
    return None


def _open(path: Path) -> Store:
    from yelian.core.errors import InputError
    from yelian.engine.store import Store

    if not path.is_dir():
        raise InputError(f"no store at {path}", fix="go to the folder where `yelian run` was started, or give --store")
    return Store(path)


def _list_artifacts(store: Store, as_json: bool) -> None:
    artifacts = store.all()
    if as_json:
        keys = ("id", "stage", "created_at", "ledger", "cost")
        return typer.echo(json.dumps([{k: a.manifest[k] for k in keys} for a in artifacts], ensure_ascii=False))
    rows = [
        (a.id, a.manifest["created_at"][:19], f"{a.ledger.kept:,} of {a.ledger.read:,} {a.ledger.unit}")
        for a in artifacts
    ]
    return _print_table(("artifact", "made (UTC)", "kept"), rows, "no artifacts yet: make some with `yelian run`")


def _print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], empty: str) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return typer.echo(empty, err=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return Console().print(table, highlight=False)


def _print_value(value: Any) -> None:
    """A nested value as YAML, which people read more easily than JSON."""
    import yaml

    typer.echo(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=110), nl=False)


def _brief(value: Any) -> str:
    text = "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
