"""The command line: one thin file per noun; heavy imports happen inside the commands that need them.

Data goes to stdout, everything for the eye to stderr; `--json` prints the same facts for a program.
"""

from __future__ import annotations

import sys

import typer

from yelian import __version__
from yelian.cli import chat, recipe, store
from yelian.core.errors import YelianError

app = typer.Typer(
    name="yelian",
    help="Yelian (冶炼): one recipe in, one measured domain model out, every number traceable to its page.",
    epilog="Exit codes: 0 done, 1 a fault in Yelian, 2 wrong usage, 3 mend the recipe, 4 mend or drop an input, "
    "5 try again (disk, endpoint), 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"yelian {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Hold the options that stand before a command."""


app.command("init")(recipe.init)
app.command("plan")(recipe.plan)
app.command("run")(recipe.run)
app.command("runs")(store.runs)
app.command("show")(store.show)
app.command("trace")(store.trace)
app.command("diff")(store.diff)
app.command("chat")(chat.chat)


def main() -> None:
    """Entry point of `yelian`: runs the command and turns our four errors into messages and exit codes."""
    try:
        app()
    except YelianError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(error.exit_code)
