import math

import pytest

from yelian.stages.assay.scores import bits, chrf, length_fit, written_scores


def test_one_nat_is_one_over_ln_2_bits():
    assert bits(math.log(2) * 3) == pytest.approx(3.0)


def test_chrf_of_a_worked_case():
    # 北京今天下雨 against 北京今天大雨: of 6, 5, 4, 3, 2, 1 n-grams 5, 3, 2, 1, 0, 0 are shared, precision = recall
    shares = [5 / 6, 3 / 5, 2 / 4, 1 / 3, 0, 0]
    assert chrf("北京今天大雨", "北京今天下雨") == pytest.approx(100 * sum(shares) / 6)


def test_chrf_is_100_for_the_real_text_and_0_for_nothing():
    assert (chrf("北京今天大雨", "北京今天大雨"), chrf("北京今天大雨", "")) == (100.0, 0.0)


def test_chrf_punishes_what_is_missing_more_than_what_is_too_much():
    assert chrf("一二三四五六七八", "一二三四五六七八九十百千") > chrf("一二三四五六七八九十百千", "一二三四五六七八")


def test_length_fit_counts_no_white_space_and_is_the_same_for_too_long_and_too_short():
    assert length_fit("一二 三\n四", "一二") == length_fit("一二", "一二三四") == 0.5
    assert (length_fit("一二", ""), length_fit("", "")) == (0.0, 1.0)


def test_a_reference_without_key_facts_has_no_coverage_score():
    assert set(written_scores("春天来了", "春天来了")) == {"chrf", "length_fit"}
    assert written_scores("3月7日通车", "大桥3月7日通车")["key_fact_coverage"] == 1.0
