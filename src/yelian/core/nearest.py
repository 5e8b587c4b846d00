"""The nearest known word, for every "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when nothing is near (difflib ratio below .6)."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix for an unknown name: the nearest one, or else all of them."""
    names = list(known)
    near = nearest(word, names)
    return f"did you mean {near!r}?" if near else "known: " + (", ".join(names) or "none")
