import io

import pytest
from rich.console import Console

from yelian.cli import display
from yelian.cli.display import LiveDisplay, PlainDisplay, display_for, duration, ledger_line
from yelian.core.ledger import Ledger


def ledger() -> Ledger:
    made = Ledger("documents", read=1200, kept=1190)
    made.dropped.update(too_short=2, duplicate=7)
    made.rejected.update(bad_json=1)
    return made


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (38.4, "38 s"), (59.6, "1 min 00 s"), (245, "4 min 05 s")]
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text


def test_a_ledger_is_one_line_with_every_reason():
    assert ledger_line(ledger()) == (
        "1,200 documents read = 1,190 kept + 9 dropped (duplicate 7, too_short 2) + 1 rejected (bad_json 1)"
    )


def test_a_file_gets_plain_lines_without_escape_codes():
    stream = io.StringIO()
    shown = display_for(stream)
    assert isinstance(shown, PlainDisplay)
    shown.cached("corpus.read", 1, 3)
    shown.begin("corpus.clean", 2, 3, "never made before")
    shown.progress(1, 10, "documents")
    shown.note("waiting")
    shown.end(ledger(), 3.2)
    assert stream.getvalue() == (
        "[1/3] corpus.read: cached\n[2/3] corpus.clean: never made before\n  waiting\n  3.2 s  "
        + ledger_line(ledger())
        + "\n"
    )


def test_plain_progress_shows_rows_rate_and_time_left(monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 6.0, 6.0, 6.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    shown = PlainDisplay(stream)
    shown.begin("model.tune", 1, 1, "new")  # 0 s
    shown.progress(0, 4000, "tokens")  # 0 s, 0 s: too early for a line
    shown.progress(1200, 4000, "tokens")  # 6 s
    assert stream.getvalue().splitlines()[1] == "  1,200/4,000 tokens, 200/s, 14 s left"


def test_a_terminal_gets_a_bar_and_keeps_the_ledger():
    stream = io.StringIO()
    shown = LiveDisplay(Console(file=stream, force_terminal=True, width=120))
    shown.begin("corpus.read", 1, 2, "never made before")
    shown.progress(3, 10, "documents")
    shown.end(ledger(), 1.0)
    assert "1/2 corpus.read" in stream.getvalue()
    assert "read = 1,190 kept" in stream.getvalue()
