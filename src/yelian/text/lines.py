"""Lines of a printed page back to paragraphs.

A text layer knows lines, not paragraphs. A line ends its paragraph when the next one is indented, when it is clearly
shorter than the full lines of its page, and before a blank line or a heading. Limit: a paragraph whose last line is
full and whose successor is not indented is joined with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from yelian.text.article import is_heading

FULL = 0.85  # of the page's full width; Chinese line-breaking rules move at most two characters of forty
_INDENTED = re.compile(r"(?:\u3000| {2}|\t)")
_LATIN_EDGE = re.compile(r"[A-Za-z0-9,.;:!?)%]$")
_LATIN_START = re.compile(r"[A-Za-z0-9(]")
_HYPHENS = ("\ufffe", "\x02", "\u00ad")  # how text layers mark a word that is broken at the end of a line
_PAGE_NUMBER = re.compile(r"(?:第?\s*\d+\s*页?(?:\s*[/／共]\s*\d+\s*页?)?|[-—–]+\s*\d+\s*[-—–]+)")
_DIGITS = re.compile(r"\d+")


def paragraphs(pages: Sequence[Sequence[str]]) -> list[str]:
    """Paragraphs of a document, given the lines of each page; running headers, footers and page numbers are left out.

    Between two ideographs a line break becomes nothing, between Latin words a blank.
    """
    repeated = _running(pages)
    found: list[str] = []
    is_open = False
    for page in pages:
        lines = [line.rstrip() for index, line in enumerate(page) if not _is_margin(page, index, repeated)]
        full = _full_width(lines)
        for line in lines:
            if not line.strip():
                is_open = False
                continue
            if is_open and not _INDENTED.match(line) and not is_heading(line.strip()):
                found[-1] = _join(found[-1], line.strip())
            else:
                found.append(line.strip())
            is_open = _width(line) >= FULL * full
    return [paragraph.rstrip("".join(_HYPHENS)) for paragraph in found]


def _running(pages: Sequence[Sequence[str]]) -> set[str]:
    """Lines at the edges of at least two pages, and of at least half of all; digits do not count."""
    edges = ({_DIGITS.sub("#", line.strip()) for line in (*page[:2], *page[-2:])} for page in pages)
    seen = Counter(key for edge in edges for key in edge if key)
    return {key for key, count in seen.items() if count >= 2 and count * 2 >= len(pages)}


def _is_margin(page: Sequence[str], index: int, repeated: set[str]) -> bool:
    line = page[index].strip()
    at_edge = index < 2 or index >= len(page) - 2
    return at_edge and (_DIGITS.sub("#", line) in repeated or _PAGE_NUMBER.fullmatch(line) is not None)


def _full_width(lines: Sequence[str]) -> float:
    """Width of a full line: the 90th percentile, so that one overlong line does not make all others short."""
    widths = sorted(_width(line) for line in lines if line.strip())
    return widths[int(0.9 * (len(widths) - 1))] if widths else 0.0


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WFA" else 1 for char in line)


def _join(before: str, line: str) -> str:
    if before.endswith(_HYPHENS):
        return before[:-1] + line
    blank = " " if _LATIN_EDGE.search(before) and _LATIN_START.match(line) else ""
    return before + blank + line
