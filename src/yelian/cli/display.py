"""Progress on stderr: a live bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from yelian.core.ledger import Ledger
from yelian.engine.job import Display

PLAIN_SECONDS = 5.0  # between two progress lines of one stage


def display_for(stream: TextIO) -> Display:
    """The live display for a terminal, plain lines for a file, a pipe or a log."""
    return LiveDisplay(Console(file=stream)) if stream.isatty() else PlainDisplay(stream)


def ledger_line(ledger: Ledger) -> str:
    """`120 documents read = 112 kept + 6 dropped (duplicate 6) + 2 rejected (bad_json 2)`."""
    reasons = [
        f"{count} {name}" + (f" ({', '.join(f'{reason} {n}' for reason, n in sorted(by.items()))})" if by else "")
        for name, by, count in (
            ("dropped", ledger.dropped, ledger.dropped.total()),
            ("rejected", ledger.rejected, ledger.rejected.total()),
        )
    ]
    return f"{ledger.read:,} {ledger.unit} read = {ledger.kept:,} kept + " + " + ".join(reasons)


def duration(seconds: float) -> str:
    """`0.4 s`, `38 s`, `4 min 05 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class _Pace:
    """Rate of a stage's progress since its first report; a resumed stage starts at what was done already."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def rate(self, done: int) -> float | None:
        """Units per second, or None before there is anything to divide."""
        now = time.monotonic()
        if self._start is None:
            self._start = (now, done)
        seconds, units = now - self._start[0], done - self._start[1]
        return units / seconds if seconds > 0.2 and units > 0 else None


class PlainDisplay(Display):
    """One line when a stage begins, one every few seconds, one when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pace = _Pace()
        self._last = 0.0

    def begin(self, stage: str, index: int, count: int, why: str) -> None:
        """Name the stage and why it works."""
        self._pace, self._last = _Pace(), time.monotonic()
        self._say(f"[{index}/{count}] {stage}: {why}")

    def cached(self, stage: str, index: int, count: int) -> None:
        """Name the stage that needs no work."""
        self._say(f"[{index}/{count}] {stage}: cached")

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """A line with rows, rate and time left, every few seconds."""
        rate = self._pace.rate(done)
        if time.monotonic() - self._last < PLAIN_SECONDS:
            return
        self._last = time.monotonic()
        line = f"  {done:,}{f'/{total:,}' if total else ''} {unit}"
        if rate:
            line += f", {rate:,.1f}/s" if rate < 100 else f", {rate:,.0f}/s"
            line += f", {duration((total - done) / rate)} left" if total else ""
        self._say(line)

    def note(self, message: str) -> None:
        """One indented line."""
        self._say(f"  {message}")

    def end(self, ledger: Ledger, seconds: float) -> None:
        """The ledger and the time."""
        self._say(f"  {duration(seconds)}  {ledger_line(ledger)}")

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveDisplay(Display):
    """A bar for the running stage; finished stages stay above it as lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._pace = _Pace()

    def begin(self, stage: str, index: int, count: int, why: str) -> None:
        """Start the stage's bar under a line that says why it works."""
        self._pace = _Pace()
        self._console.print(f"[bold]{index}/{count} {stage}[/]  [dim]{why}[/]", highlight=False)
        self._bar = Progress(
            TextColumn("    "),
            BarColumn(bar_width=36),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]} {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, unit="", rate="")
        self._bar.start()

    def cached(self, stage: str, index: int, count: int) -> None:
        """Name the stage that needs no work."""
        self._console.print(f"[dim]{index}/{count} {stage}  cached[/]", highlight=False)

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            rate = self._pace.rate(done)
            shown = f"({rate:,.0f}/s)" if rate and rate >= 10 else f"({rate:.1f}/s)" if rate else ""
            self._bar.update(self._task, completed=done, total=total, unit=unit, rate=shown)

    def note(self, message: str) -> None:
        """One line above the bar."""
        self._console.print(f"    {message}", highlight=False, markup=False)

    def end(self, ledger: Ledger, seconds: float) -> None:
        """Take the bar away and leave the ledger."""
        self.stop()
        self._console.print(f"    {duration(seconds)}  {ledger_line(ledger)}", highlight=False, markup=False)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
