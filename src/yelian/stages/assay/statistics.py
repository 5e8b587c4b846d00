"""Base against tuned on the same items, with an interval: a paired bootstrap over documents.

A figure is a ratio of sums over items, `sum(value) / sum(weight)`: for bits per character the values are bits and the
weights characters, so that a long answer counts as much as its length; for a mean score every weight is 1. Both arms
are measured on the same items, so the difference is taken item by item and what makes an item hard for both cancels.

Items made from one document resemble each other, so documents are drawn, not items (a cluster bootstrap: Davison and
Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8). Items that share a document stay together.

The plain percentile interval is too narrow for few clusters. The levels are therefore widened as T. Hesterberg
proposes ("expanded percentile", *What Teachers Should Know About the Bootstrap*, 2015, section 5.3): a tail of
`Φ(-sqrt(m / (m - 1)) · t(1 - a/2, m - 1))` in place of `a/2`, for m clusters. Measured coverage of 95-percent
intervals, over 4,000 draws each of skewed clusters (gamma-distributed effects, one to six items a document):

    documents             3     5     8    10    20    40    80
    percentile         73.0  80.9  85.2  87.7  90.4  92.8  93.4 %
    expanded (ours)    73.9  90.3  92.7  92.4  93.2  93.3  94.4 %

No resampling repairs three documents: they hold too few different samples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FEW_DOCUMENTS = 10  # below this the interval undercovers visibly (table above), and the report warns


@dataclass(frozen=True, slots=True)
class Estimate:
    """Two arms and their difference, tuned - base. `low` and `high` are None for fewer than two documents."""

    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    n: int
    documents: int


def compare(
    base: Sequence[float],
    tuned: Sequence[float],
    weights: Sequence[float],
    clusters: Sequence[int],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Ratio of sums in each arm and the interval of their difference.

    All four sequences hold one entry per item; `clusters` numbers the group of documents an item belongs to. The same
    seed gives the same interval. ValueError for no items at all, or weights that sum to zero.
    """
    if not base or not len(base) == len(tuned) == len(weights) == len(clusters):
        raise ValueError("each item needs one value per arm, a weight and a cluster, and there must be an item")
    numbers, group = np.unique(np.asarray(clusters), return_inverse=True)
    size = np.bincount(group, weights=np.asarray(weights, dtype=float))
    gain = np.bincount(group, weights=np.asarray(tuned, dtype=float) - np.asarray(base, dtype=float))
    total = float(size.sum())
    if total <= 0:
        raise ValueError("the weights sum to zero")
    low, high = _interval(gain, size, resamples, confidence, seed)
    return Estimate(
        base=math.fsum(base) / total,
        tuned=math.fsum(tuned) / total,
        difference=float(gain.sum()) / total,
        low=low,
        high=high,
        n=len(base),
        documents=len(numbers),
    )


def _interval(
    gain: np.ndarray, size: np.ndarray, resamples: int, confidence: float, seed: int
) -> tuple[float | None, float | None]:
    m = len(gain)
    if m < 2:
        return None, None
    drawn = np.random.default_rng(seed).multinomial(m, np.full(m, 1 / m), size=resamples)  # resamples x clusters
    tail = tail_level(confidence, m)
    low, high = np.quantile((drawn @ gain) / (drawn @ size), [tail, 1 - tail])
    return float(low), float(high)


def tail_level(confidence: float, m: int) -> float:
    """Share of resamples cut off at each end, widened for m clusters; (1 - confidence) / 2 as m grows."""
    from scipy import stats  # a second to load, and only the report needs it

    wide = math.sqrt(m / (m - 1)) * stats.t.ppf((1 + confidence) / 2, m - 1)
    return float(stats.norm.cdf(-wide))


def group_by_document(document_ids: Iterable[Sequence[Hashable]]) -> list[int]:
    """A cluster number for each item: items that share a document, directly or by way of others, share a number."""
    lists = [list(ids) for ids in document_ids]
    parent: dict[Hashable, Hashable] = {}

    def root(one: Hashable) -> Hashable:
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for ids in lists:
        for other in ids[1:]:
            parent[root(other)] = root(ids[0])
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(root(ids[0]), len(numbers)) for ids in lists]
