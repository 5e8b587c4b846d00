"""The list of comparisons, in the order in which the report shows them.

The first one is the declared main figure: bits per character over the answers of held-out conversations. It was named
before anything was measured, so its interval means what it says. All others are exploratory: among twenty 95-percent
intervals one is expected to miss by chance, and nothing here corrects for that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from yelian.core.errors import StageError
from yelian.core.ledger import Removal
from yelian.stages.assay.items import ARTICLES, Item, Kind
from yelian.stages.assay.scores import FACTS, LENGTH, OVERLAP, bits
from yelian.stages.assay.statistics import Estimate, compare, group_by_document

Verdict = Literal["better", "worse", "not significant"]

BITS = "bits_per_character"
ENDING = "bits_per_ending"
ANSWERS = "answers"  # stands for all tasks together
MAIN = f"{BITS}_{ANSWERS}"  # the declared main figure
UNITS = {BITS: "bits/char", ENDING: "bits", OVERLAP: "chrF", FACTS: "share", LENGTH: "share"}


@dataclass(frozen=True, slots=True)
class Level:
    """How the intervals are made."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of both arms. `excluded` counts items that the score is not defined for.

    `difference` is tuned - base and `low`..`high` its interval (None for fewer than two documents); `n` counts items,
    `documents` the independent groups behind them.
    """

    metric: str
    score: str
    task: str
    unit: str
    better: Literal["lower", "higher"]
    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    n: int
    documents: int
    excluded: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Pair:
    """The same item in both arms."""

    base: Item
    tuned: Item


@dataclass(frozen=True, slots=True)
class _Plan:
    score: str
    task: str
    kind: Kind


def pair(base: Sequence[Item], tuned: Sequence[Item]) -> list[Pair]:
    """Both arms, item by item. StageError when they do not hold the same items."""
    other = {(item.kind, item.id): item for item in tuned}
    here = {(item.kind, item.id) for item in base}
    if here != other.keys() or len(here) != len(base):
        apart = sorted(here ^ other.keys())
        raise StageError(
            f"base and tuned measured different items: {apart[:3]}", fix="this is a fault in Yelian: please report it"
        )
    return [Pair(item, other[item.kind, item.id]) for item in base]


def compare_all(pairs: Sequence[Pair], level: Level) -> tuple[list[Comparison], list[Removal]]:
    """Every planned comparison, and those left out: no item has the score, or one document alone has."""
    made, empty = list[Comparison](), list[Removal]()
    for plan in _plans(pairs):
        of_kind = [
            each for each in pairs if each.base.kind == plan.kind and plan.task in (ANSWERS, ARTICLES, each.base.task)
        ]
        scored = [each for each in of_kind if _value(each.base, plan.score) is not None]
        name = f"{plan.score}_{plan.task}"
        if not scored:
            detail = f"none of {len(of_kind)} items has this score"
            empty.append(Removal("dropped", "no_scored_items", name, record_id=name, detail=detail))
            continue
        comparison = _comparison(name, plan, scored, len(of_kind) - len(scored), level)
        if comparison.low is None and name != MAIN:  # that one stays, with a warning: the page is about it
            detail = f"all {comparison.n} items come from one document, so there is no interval"
            empty.append(Removal("dropped", "one_document", name, record_id=name, detail=detail))
            continue
        made.append(comparison)
    return made, empty


def verdict(estimate: Estimate, better: Literal["lower", "higher"]) -> Verdict:
    """Better or worse only when the whole interval lies on one side of zero."""
    if estimate.low is None or estimate.high is None or estimate.low <= 0 <= estimate.high:
        return "not significant"
    return "better" if (estimate.high < 0) == (better == "lower") else "worse"


def _plans(pairs: Sequence[Pair]) -> Iterator[_Plan]:
    yield _Plan(BITS, ANSWERS, "answer_likelihood")
    yield _Plan(BITS, ARTICLES, "article_likelihood")
    yield _Plan(ENDING, ANSWERS, "answer_likelihood")
    for task in sorted({each.base.task for each in pairs if each.base.kind == "answer_likelihood"}):
        yield _Plan(BITS, task, "answer_likelihood")
    for task in sorted({each.base.task for each in pairs if each.base.kind == "written_answer"}):
        for score in (OVERLAP, FACTS, LENGTH):
            yield _Plan(score, task, "written_answer")


def _comparison(name: str, plan: _Plan, pairs: Sequence[Pair], excluded: int, level: Level) -> Comparison:
    estimate = compare(
        [_value(each.base, plan.score) or 0.0 for each in pairs],
        [_value(each.tuned, plan.score) or 0.0 for each in pairs],
        [_weight(each.base, plan.score) for each in pairs],
        group_by_document(each.base.document_ids for each in pairs),
        resamples=level.resamples,
        confidence=level.confidence,
        seed=level.seed,
    )
    better: Literal["lower", "higher"] = "lower" if plan.score in (BITS, ENDING) else "higher"
    return Comparison(
        metric=name,
        score=plan.score,
        task=plan.task,
        unit=UNITS[plan.score],
        better=better,
        **dataclasses.asdict(estimate),
        excluded=excluded,
        verdict=verdict(estimate, better),
    )


def _value(item: Item, score: str) -> float | None:
    """The numerator: bits of the whole text, or the score."""
    if score == BITS:
        return None if item.nats is None or not item.characters else bits(item.nats)
    if score == ENDING:
        return None if item.ending_nats is None else bits(item.ending_nats)
    return item.scores.get(score)


def _weight(item: Item, score: str) -> float:
    """The denominator: characters of the text, or one."""
    return float(item.characters or 0) if score == BITS else 1.0
