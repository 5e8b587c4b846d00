"""How figures are written in reports and cards: the decimals of their unit, a real minus sign."""

from __future__ import annotations

DECIMALS = {"bits/char": 3, "bits": 2, "chrF": 1, "share": 3}
MINUS = "\N{MINUS SIGN}"


def figure(value: float, unit: str) -> str:
    """`3.410` bits/char, `37.8` chrF, `0.420` as a share."""
    return f"{value:.{DECIMALS[unit]}f}".replace("-", MINUS)


def signed(value: float, unit: str) -> str:
    """A difference with its sign; none where it rounds to zero."""
    text = f"{value:+.{DECIMALS[unit]}f}"
    return text.replace("-", MINUS) if float(text) else text[1:]


def count(value: int) -> str:
    """Thousands separated by commas."""
    return f"{value:,}"


def percent(share: float) -> str:
    """`95%`, `97.5%`."""
    return f"{share * 100:g}%"
