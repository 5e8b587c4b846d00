import numpy as np
import pytest

from yelian.stages.assay.statistics import compare, group_by_document, tail_level

LEVEL = {"resamples": 1_000, "confidence": 0.95, "seed": 0}


def test_the_estimate_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    # base 10 + 90 over 5 + 20 characters, tuned 5 + 70: 4 and 3; the means of ratios would be 3.25 and 2.25
    made = compare([10, 90], [5, 70], [5, 20], [0, 1], **LEVEL)
    assert (made.base, made.tuned, made.difference, made.n, made.documents) == (4.0, 3.0, -1.0, 2, 2)


def test_two_documents_give_the_two_extreme_resamples_as_interval():
    # the resamples of two clusters are {0,0}: -5/5 = -1, {0,1}: -25/25 = -1 and {1,1}: -20/20 = -1 ...
    same = compare([10, 90], [5, 70], [5, 20], [0, 1], **LEVEL)
    assert (same.low, same.high) == (-1.0, -1.0)
    # ... and with a gain of 10 in the first, {0,0}: 10/5 = 2 and {1,1}: -1; the tails are wider than any resample
    apart = compare([10, 90], [20, 70], [5, 20], [0, 1], **LEVEL)
    assert (apart.low, apart.high) == (-1.0, 2.0)


def test_the_interval_comes_from_drawing_whole_documents():
    base, tuned = [0.0] * 40, [1.0, -1.0] * 20  # within each document the two items cancel exactly
    clusters = [item // 2 for item in range(40)]
    together = compare(base, tuned, [1.0] * 40, clusters, **LEVEL)
    alone = compare(base, tuned, [1.0] * 40, list(range(40)), **LEVEL)
    assert (together.low, together.high) == (0.0, 0.0)
    assert alone.low < -0.2
    assert alone.high > 0.2


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    rng = np.random.default_rng(5)
    data = (rng.normal(size=12).tolist(), rng.normal(size=12).tolist(), [1.0] * 12, list(range(12)))
    first, again, other = (compare(*data, resamples=500, confidence=0.95, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_one_document_has_a_difference_and_no_interval():
    made = compare([4.0, 4.0], [3.0, 3.0], [1.0, 1.0], [7, 7], **LEVEL)
    assert (made.difference, made.low, made.high, made.documents) == (-1.0, None, None, 1)


def test_no_items_uneven_lists_and_no_weight_are_refused():
    for data in (([], [], [], []), ([1.0], [1.0], [1.0], [0, 1]), ([1.0], [2.0], [0.0], [0])):
        with pytest.raises(ValueError, match=r"an item|sum to zero"):
            compare(*data, **LEVEL)


def test_a_95_percent_interval_covers_the_truth_in_93_to_97_percent_of_1000_draws():
    rng, truth, hits = np.random.default_rng(11), -0.5, 0
    clusters = np.repeat(np.arange(40), 3)
    for draw in range(1_000):
        characters = rng.uniform(10, 200, 120)
        effect = truth + rng.normal(0, 0.3, 40)[clusters] + rng.normal(0, 0.2, 120)
        base = rng.normal(4, 0.5, 120) * characters
        arms = (base.tolist(), (base + effect * characters).tolist())
        made = compare(*arms, characters.tolist(), clusters.tolist(), resamples=500, confidence=0.95, seed=draw)
        hits += made.low <= truth <= made.high
    assert 930 <= hits <= 970


def test_few_documents_widen_the_tails_and_many_hardly_do():
    assert tail_level(0.95, 5) == pytest.approx(0.000954, abs=1e-6)  # Φ(-sqrt(5/4) · 2.7764)
    assert tail_level(0.95, 2_000) == pytest.approx(0.025, abs=2e-4)


def test_items_that_share_a_document_even_by_way_of_another_are_one_group():
    assert group_by_document([["a"], ["b"], ["a", "c"], ["c"], ["d"], ["d", "b"]]) == [0, 1, 0, 0, 1, 1]
