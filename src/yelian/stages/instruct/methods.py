"""Back-construction: a real article is the answer, and code makes the input that would ask for it.

The method is MediaGPT's (Wang et al. 2023), where real texts of the field stand on the answer side because a model's
own answers would teach a model's own style. Every answer is cut out of its article verbatim.

Each method takes an article and the limits of its task, and returns a `Pair`, or raises `UnfitError` with the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from yelian.text.article import Article, Block, is_prose, sentences
from yelian.text.facts import key_facts, spans
from yelian.text.normalise import squeeze

_LABEL = re.compile(r"[\u4e00-\u9fff]{2,6}[：:]")  # 时间：…, 版本：… open a fact sheet, not an article
_ENDS = ("。", "！", "？", "…", "”", "」", "!", "?", ".")

_SMALL_COUNT = re.compile(r"\d(?:[个人种次条处项家])?")

Limits = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Pair:
    """What fills the places of the prompt, and the answer."""

    inputs: dict[str, str]
    answer: str


class UnfitError(Exception):
    """An article from which this task cannot be made; `reason` goes into the ledger."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def headline(article: Article, limits: Limits) -> Pair:
    """The article asks for its headline."""
    title = _title(article)
    _long_enough(article, limits)
    chars = len(squeeze(title))
    if not limits["min_answer_chars"] <= chars <= limits["max_answer_chars"]:
        raise UnfitError("title_length", f"the title has {chars} characters")
    return Pair({"article": _body_text(article), "limit": str(_up(chars, 5))}, title)


def lead(article: Article, limits: Limits) -> Pair:
    """The headline and the body below the lead ask for the lead."""
    title = _title(article)
    first = _lead(article)
    chars = len(squeeze(first.text))
    if not limits["min_answer_chars"] <= chars <= limits["max_answer_chars"]:
        raise UnfitError("lead_length", f"the lead has {chars} characters")
    body = article.body
    if sum(1 for block in body if not block.heading) < limits["min_body_paragraphs"]:
        raise UnfitError("too_few_paragraphs", f"{len(body)} blocks below the lead")
    text = _cut(article, body)
    if len(squeeze(text)) < limits["min_body_chars"]:
        raise UnfitError("too_short_for_task", f"{len(squeeze(text))} characters below the lead")
    return Pair({"title": title, "body": text, "limit": str(_up(chars, 20))}, first.text)


def key_sentences(article: Article, limits: Limits) -> Pair:
    """The article asks for its key sentences: the first one, then those with the most key facts, in its order."""
    _long_enough(article, limits)
    _paragraphs(article, limits)
    found = [
        sentence
        for block in article.paragraphs
        if is_prose(block.text)
        for sentence in sentences(block.text)
        if limits["min_sentence_chars"] <= len(squeeze(sentence)) <= limits["max_sentence_chars"]
        and sentence.endswith(_ENDS)
    ]
    count = int(limits["count"])
    if len(found) <= count:
        raise UnfitError("too_few_sentences", f"{len(found)} sentences of fitting length, more than {count} needed")
    facts = [len(key_facts(sentence)) for sentence in found]
    rest = sorted(range(1, len(found)), key=lambda index: (-facts[index], index))[: count - 1]
    if not all(facts[index] for index in rest):
        raise UnfitError("no_key_facts", "too few sentences hold a number, a quotation or a Latin word")
    answer = "\n".join(found[index] for index in sorted([0, *rest]))
    if len(squeeze(answer)) > limits["max_answer_share"] * len(squeeze(_body_text(article))):
        raise UnfitError("too_short_for_task", "the key sentences are most of the article")
    return Pair({"article": _body_text(article), "count": str(count)}, answer)


def shorten(article: Article, limits: Limits) -> Pair:
    """The article asks for its own beginning: the lead and the paragraphs after it that fit into a share of it."""
    _long_enough(article, limits)
    _paragraphs(article, limits)
    _lead(article)
    whole = len(squeeze(_body_text(article)))
    limit = int(limits["share"] * whole) // 10 * 10
    kept = _prefix(article, limit)
    if sum(1 for block in kept if not block.heading) < limits["min_answer_paragraphs"]:
        raise UnfitError("lead_too_long", f"lead and first paragraph do not fit into {limit} of {whole} characters")
    return Pair({"article": _body_text(article), "limit": str(limit)}, _cut(article, kept))


def outline(article: Article, limits: Limits) -> Pair:
    """Headings, first sentences and the facts of the rest ask for the article."""
    title = _title(article)
    _long_enough(article, limits)
    _paragraphs(article, limits)
    prose = [block for block in article.paragraphs if is_prose(block.text)]
    if len(prose) < limits["min_prose_share"] * len(article.paragraphs):
        raise UnfitError(
            "lists_or_tables", f"only {len(prose)} of {len(article.paragraphs)} paragraphs are running text"
        )
    lines: list[str] = []
    shown = number = 0
    for block in article.blocks:
        if block.heading:
            lines.append(f"【{block.text.strip('【】[]［］')}】")
        if block not in prose:
            continue
        number += 1
        first = sentences(block.text)[0]
        facts = _facts_of(block.text[len(first) :], int(limits["max_facts"]))
        lines.append(f"{number}. {first}" + (f"（{'；'.join(facts)}）" if facts else ""))
        shown += len(squeeze(first))
    answer = _body_text(article)
    if shown > limits["max_shown_share"] * len(squeeze(answer)):
        raise UnfitError("too_short_for_task", "first sentences are most of the article")
    return Pair({"title": title, "outline": "\n".join(lines), "limit": str(_near(len(squeeze(answer))))}, answer)


def continuation(article: Article, limits: Limits) -> Pair:
    """The title and the first paragraphs ask for the rest."""
    title = _title(article)
    _long_enough(article, limits)
    _paragraphs(article, limits)
    whole = len(squeeze(_body_text(article)))
    beginning = _prefix(article, limits["share"] * whole) or list(article.blocks[:1])
    if all(block.heading for block in beginning):
        beginning = list(article.blocks[: len(beginning) + 1])
    rest = article.blocks[len(beginning) :]
    if not any(not block.heading for block in rest):
        raise UnfitError("too_few_paragraphs", "nothing follows the beginning")
    answer = _cut(article, rest)
    return Pair(
        {"title": title, "beginning": _cut(article, beginning), "limit": str(_near(len(squeeze(answer))))}, answer
    )


METHODS: dict[str, Callable[[Article, Limits], Pair]] = {
    "headline": headline,
    "lead": lead,
    "key_sentences": key_sentences,
    "shorten": shorten,
    "outline": outline,
    "continuation": continuation,
}


def _title(article: Article) -> str:
    if article.title is None:
        raise UnfitError("no_title", "the document has no title")
    return article.title


def _lead(article: Article) -> Block:
    first = article.lead
    if first is None or not is_prose(first.text) or _LABEL.match(first.text) or not first.text.endswith(_ENDS):
        raise UnfitError("no_lead", "the text does not open with a paragraph of prose")
    return first


def _long_enough(article: Article, limits: Limits) -> None:
    chars = len(squeeze(_body_text(article)))
    if chars < limits["min_article_chars"]:
        raise UnfitError("too_short_for_task", f"{chars} characters, at least {limits['min_article_chars']:.0f} needed")


def _paragraphs(article: Article, limits: Limits) -> None:
    if len(article.paragraphs) < limits["min_paragraphs"]:
        raise UnfitError(
            "too_few_paragraphs",
            f"{len(article.paragraphs)} paragraphs, at least {limits['min_paragraphs']:.0f} needed",
        )


def _body_text(article: Article) -> str:
    return _cut(article, article.blocks)


def _cut(article: Article, blocks: tuple[Block, ...] | list[Block]) -> str:
    """The text from the first to the last of neighbouring blocks, as it stands."""
    return article.text[blocks[0].start : blocks[-1].end] if blocks else ""


def _prefix(article: Article, limit: float) -> list[Block]:
    """The longest run of blocks from the start within `limit` characters, not ending in a heading."""
    kept: list[Block] = []
    chars = 0
    for block in article.blocks:
        chars += len(squeeze(block.text))
        if chars > limit:
            break
        kept.append(block)
    while kept and kept[-1].heading:
        kept.pop()
    return kept


def _facts_of(text: str, most: int) -> list[str]:
    """Numbers and quotations as they are written, each once, in order; counts below ten say too little alone."""
    found = (written for written, fact in spans(text) if not _SMALL_COUNT.fullmatch(fact))
    return list(dict.fromkeys(found))[:most]


def _up(number: int, step: int) -> int:
    return math.ceil(number / step) * step


def _near(number: int) -> int:
    return max(50, round(number / 50) * 50)
