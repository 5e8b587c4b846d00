"""`yelian chat`: talk to a model that a run made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yelian.cli.store import DEFAULT_STORE, StorePath

if TYPE_CHECKING:
    from yelian.core.records import Message


def chat(
    model: Annotated[str, typer.Argument(help="A release folder, or the id of a model artifact or run.")],
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="Answer this once and end.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 always takes the likeliest token.")] = 0.0,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Talk to a model in the terminal, with the chat format it was trained with."""
    from yelian.llm.local import LocalModel

    base, adapter = _folders(model, store)
    typer.echo(f"loading {base}", err=True)
    loaded = LocalModel.load(base, adapter)
    turns: list[Message] = []
    for text in [prompt] if prompt is not None else _typed():
        turns.append({"role": "user", "content": text})
        pieces = []
        for piece in loaded.stream(turns, max_new_tokens=max_new_tokens, temperature=temperature):
            sys.stdout.write(piece)
            sys.stdout.flush()
            pieces.append(piece)
        sys.stdout.write("\n")
        turns.append({"role": "assistant", "content": "".join(pieces)})


def _typed() -> Iterator[str]:
    """What the person types, line by line, until an empty line or the end of input."""
    typer.echo("an empty line ends the talk", err=True)
    while True:
        typer.echo("> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line.strip():
            return
        yield line.strip()


def _folders(model: str, store: Path) -> tuple[Path, Path | None]:
    """The base folder and, where there is one, the adapter of whatever `model` names."""
    from yelian.core.errors import InputError
    from yelian.engine.lineage import resolve
    from yelian.engine.run import run_record
    from yelian.engine.store import Store

    if (Path(model) / "config.json").is_file():
        return Path(model), None
    if Path(model).exists():
        raise InputError(f"{model} is not a model folder: no config.json", fix="name a release folder or an id")
    opened = Store(store)
    name = resolve(opened, model)
    made = [step["artifact"] for step in run_record(opened, name)["steps"]] if name.startswith("run-") else [name]
    for each in reversed(made):
        artifact = opened.get(each)
        for folder in ("release", "model"):
            if (artifact.path / folder / "config.json").is_file():
                return artifact.path / folder, None
        if (artifact.path / "adapter").is_dir():
            bases = [opened.path(source) / "model" for source in artifact.manifest["inputs"].values()]
            return next(base for base in bases if base.is_dir()), artifact.path / "adapter"
    raise InputError(f"{name} holds no model", fix="name a run, or an artifact of model.* or release.pack")
