import dataclasses

import pytest

from yelian.core.errors import StageError
from yelian.stages.assay.comparisons import Level, compare_all, pair, verdict
from yelian.stages.assay.items import Item
from yelian.stages.assay.statistics import Estimate

LN2 = 0.6931471805599453
LEVEL = Level(resamples=400, confidence=0.95, seed=0)


def likelihood(number, nats, kind="answer_likelihood", task="MU01", characters=10):
    ending = 2.0 * LN2 if kind == "answer_likelihood" else None
    return Item(f"{kind}-{number}", kind, task, [f"doc-{number}"], nats, ending, tokens=5, characters=characters)


def answer(number, **scores):
    return Item(f"conv-{number}", "written_answer", "MU01", [f"doc-{number}"], answer="", finished=True, scores=scores)


def estimate(low, high):
    return Estimate(1.0, 1.0, 0.0, low, high, 9, 9)


def test_the_main_figure_stands_first_then_articles_tasks_and_scores():
    base = [likelihood(n, 20.0, task=f"MU0{n % 2 + 1}") for n in range(4)]
    base += [likelihood(n, 30.0, "article_likelihood", "articles") for n in range(4)]
    base += [answer(n, chrf=1.0, length_fit=0.5, key_fact_coverage=0.0) for n in range(4)]
    made, empty = compare_all(pair(base, base), LEVEL)
    assert [each.metric for each in made] == [
        "bits_per_character_answers", "bits_per_character_articles", "bits_per_ending_answers",
        "bits_per_character_MU01", "bits_per_character_MU02", "chrf_MU01", "key_fact_coverage_MU01", "length_fit_MU01",
    ]  # fmt: skip
    assert empty == []
    assert {each.verdict for each in made} == {"not significant"}


def test_a_figure_by_hand():
    base = [likelihood(0, 20.794415416798357), likelihood(1, 41.58883083359671, characters=30)]  # 30 and 60 bits
    tuned = [dataclasses.replace(each, nats=each.nats / 2) for each in base]
    main = compare_all(pair(base, tuned), LEVEL)[0][0]
    assert (main.base, main.tuned, main.difference) == pytest.approx((90 / 40, 45 / 40, -45 / 40))
    assert (main.better, main.verdict, main.unit, main.n, main.documents) == ("lower", "better", "bits/char", 2, 2)


def test_the_end_of_an_answer_counts_apart_from_its_words():
    base = [likelihood(n, 20.0) for n in range(4)]
    tuned = [dataclasses.replace(each, ending_nats=0.5 * LN2) for each in base]
    made = {each.metric: each for each in compare_all(pair(base, tuned), LEVEL)[0]}
    words, ending = made["bits_per_character_answers"], made["bits_per_ending_answers"]
    assert (words.difference, words.verdict) == (0.0, "not significant")  # it learnt to stop, not to write
    assert (ending.base, ending.tuned, ending.unit, ending.verdict) == (2.0, 0.5, "bits", "better")


def test_items_without_the_score_are_left_out_and_counted():
    base = [
        answer(0, chrf=1.0, length_fit=1.0, key_fact_coverage=0.5),
        answer(1, chrf=3.0, length_fit=1.0),
        answer(2, chrf=2.0, length_fit=1.0, key_fact_coverage=0.7),
    ]
    made, _ = compare_all(pair(base, base), LEVEL)
    facts = next(each for each in made if each.metric == "key_fact_coverage_MU01")
    assert (facts.base, facts.n, facts.excluded) == (pytest.approx(0.6), 2, 1)
    assert next(each for each in made if each.metric == "chrf_MU01").base == 2.0


def test_a_score_that_one_document_alone_has_is_dropped_unless_it_is_the_main_figure():
    base = [likelihood(0, 20.0), answer(0, chrf=1.0, length_fit=1.0)]
    made, empty = compare_all(pair(base, base), LEVEL)
    assert [(each.metric, each.low) for each in made] == [("bits_per_character_answers", None)]
    assert [each.record_id for each in empty if each.reason == "one_document"] == [
        "bits_per_ending_answers", "bits_per_character_MU01", "chrf_MU01", "length_fit_MU01",
    ]  # fmt: skip


def test_a_comparison_without_any_scored_item_is_dropped_with_its_reason():
    answers = [answer(n, chrf=1.0, length_fit=1.0) for n in range(2)]
    _, empty = compare_all(pair(answers, answers), LEVEL)
    assert [(each.record_id, each.reason) for each in empty] == [
        ("bits_per_character_answers", "no_scored_items"),
        ("bits_per_character_articles", "no_scored_items"),
        ("bits_per_ending_answers", "no_scored_items"),
        ("key_fact_coverage_MU01", "no_scored_items"),
    ]


@pytest.mark.parametrize(
    ("low", "high", "better", "said"),
    [
        (-2.0, -1.0, "lower", "better"),
        (-2.0, -1.0, "higher", "worse"),
        (1.0, 2.0, "lower", "worse"),
        (1.0, 2.0, "higher", "better"),
        (-1.0, 2.0, "lower", "not significant"),
        (-1.0, 0.0, "lower", "not significant"),
        (0.0, 1.0, "higher", "not significant"),
        (None, None, "lower", "not significant"),
    ],
)
def test_only_an_interval_wholly_on_one_side_of_zero_decides(low, high, better, said):
    assert verdict(estimate(low, high), better) == said


def test_arms_that_measured_different_items_are_our_own_fault():
    with pytest.raises(StageError, match="different items"):
        pair([likelihood(0, 1.0)], [likelihood(1, 1.0)])
