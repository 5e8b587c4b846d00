"""The parts of an article: title, sub-headings, lead, body paragraphs, sentences.

One line is one paragraph, as in nearly all Chinese text: normalise first, and join hard-wrapped lines before that.
Every block knows where it stands, so that what is cut out of an article is cut out verbatim.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from yelian.text.normalise import squeeze

TITLE_CHARS = 40  # a title line is not longer; headlines of agency news have 4 to 65 characters, half of them 23
HEADING_CHARS = 25

_MARKDOWN = re.compile(r"#{1,6}\s+")
_NUMBERED = re.compile(
    r"(?:第?[一二三四五六七八九十百]+[、章节部分条]|[（(][一二三四五六七八九十\d]+[)）]|\d+(?:\.\d+)*[.、．\s])"
)
_BRACKETED = re.compile(r"[【［\[][^】］\]]+[】］\]]$")
_ITEM = re.compile(r"(?:[-*•·●]\s|\d+[.、．)]\s*|[①-⑳])")
_TABLE = re.compile(r"\|.*\|$")
_BOLD = re.compile(r"\*\*[^*]+\*\*$")
_STOP = tuple("。！？；，、：!?;,:…—|")
_TERMINATOR = re.compile(r"(?:[。！？!?]|…{1,2}|(?<=[A-Za-z])\.(?=\s|$))+")
_CLOSING = "”’」』）)】》"
_OPENING_QUOTES, _CLOSING_QUOTES = "“「『（", "”」』）"
# 「……。」他说: the words after the quotation say whose it is, so they belong to its sentence.
_ATTRIBUTION = re.compile(
    r"[^，。！？；：\n]{0,16}(?:说|表示|介绍|告诉|坦言|认为|指出|回忆|解释|补充|强调|透露|写道|問|问|答|笑)"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One line of an article.

    `text` is the line without heading marks, `article.text[start:end]` the line with them.
    """

    text: str
    start: int
    end: int
    heading: bool


@dataclass(frozen=True, slots=True)
class Article:
    """A text and its blocks. `title` is None where the text has none and nobody gave one."""

    text: str
    title: str | None
    blocks: tuple[Block, ...]

    @property
    def paragraphs(self) -> tuple[Block, ...]:
        """Blocks that are not headings."""
        return tuple(block for block in self.blocks if not block.heading)

    @property
    def lead(self) -> Block | None:
        """The first block, where it is a paragraph: under a sub-heading stands a section, not a lead."""
        return self.blocks[0] if self.blocks and not self.blocks[0].heading else None

    @property
    def body(self) -> tuple[Block, ...]:
        """What follows the lead, or everything where there is none."""
        return self.blocks[1:] if self.lead else self.blocks


def split(text: str, title: str | None = None) -> Article:
    """The parts of a normalised text.

    A first line that repeats `title` is taken off; without a `title` a first line that looks like one becomes it.
    """
    blocks = _blocks(text)
    if title is None:
        title = title_line(text)
    if title and blocks and squeeze(blocks[0].text) == squeeze(title):
        blocks = blocks[1:]
    return Article(text, title or None, tuple(blocks))


def title_line(text: str) -> str | None:
    """The title at the head of a text: a markdown `# ` line, or a short line without a stop above a longer one."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return None
    if re.match(r"#\s+\S", lines[0]):
        return lines[0].lstrip("#").strip()
    first = lines[0]
    plain = not _MARKDOWN.match(first) and not _BRACKETED.match(first) and not _ITEM.match(first)
    fits = len(squeeze(first)) <= TITLE_CHARS and "。" not in first and not first.rstrip(_CLOSING).endswith(_STOP)
    return first if plain and fits and len(lines) > 1 and max(map(len, lines[1:4])) > len(first) else None


def is_heading(line: str) -> bool:
    """Whether a line is a sub-heading: markdown `#`, 【…】 or bold alone, or short, numbered and without a stop."""
    if _MARKDOWN.match(line) or _BRACKETED.match(line) or _BOLD.match(line):
        return True
    return bool(_NUMBERED.match(line)) and len(line) <= HEADING_CHARS and not line.endswith(_STOP)


def is_prose(line: str) -> bool:
    """Whether a paragraph is running text, not a list item, a table row or a line of topic tags."""
    return not (_ITEM.match(line) or _TABLE.match(line) or line.startswith(("#", "```")))


def sentences(paragraph: str) -> list[str]:
    """Sentences with their stops and closing quotes; joined they are the paragraph without outer white space.

    A stop inside quotation marks or brackets does not end a sentence, and neither does a quotation that is followed
    by whoever said it. An unclosed quotation therefore runs to the end of its paragraph.
    """
    found: list[str] = []
    start = position = depth = 0
    while position < len(paragraph):
        char = paragraph[position]
        stop = _TERMINATOR.match(paragraph, position)
        if stop is None:
            depth += (char in _OPENING_QUOTES) - (char in _CLOSING_QUOTES)
            depth = max(depth, 0)
            position += 1
            continue
        position = stop.end()
        while position < len(paragraph) and paragraph[position] in _CLOSING:
            depth = max(depth - (paragraph[position] in _CLOSING_QUOTES), 0)
            position += 1
        quoted = paragraph[position - 1] in _CLOSING_QUOTES
        if depth == 0 and not (quoted and _ATTRIBUTION.match(paragraph, position)):
            found.append(paragraph[start:position])
            start = position
    found.append(paragraph[start:])
    return [sentence.strip() for sentence in found if sentence.strip()]


def _blocks(text: str) -> list[Block]:
    blocks = []
    for match in re.finditer(r"[^\s](?:[^\n]*[^\s])?", text):
        line = match.group()
        plain = line.strip("*") if _BOLD.match(line) else _MARKDOWN.sub("", line, count=1)
        blocks.append(Block(plain, match.start(), match.end(), is_heading(line)))
    return blocks
