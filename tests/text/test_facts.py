from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yelian.text.facts import coverage, key_facts, number, spans


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("四万六千名乘客", {"46000人"}),
        ("4.6万人次", {"46000人"}),
        ("1,200万元", {"12000000元"}),
        ("惠及居民一万三千余户", {"13000户"}),
        ("百分之七十八点四", {"78.4%"}),
        ("７８．４％", {"78.4%"}),
        ("七成多", {"70%"}),
        ("三分之一", {"1/3"}),
        ("2026年3月5日", {"2026年", "3月5日"}),
        ("2026-03-05", {"2026年", "3月5日"}),
        ("二〇二六年三月五日", {"2026年", "3月5日"}),
        ("3月5号", {"3月5日"}),
        ("晚上19:30", {"19:30"}),
        ("“修一修”与《河灯》", {"“修一修”", "“河灯”"}),
        ("「修一修」", {"“修一修”"}),
        ("5G网络和GDP", {"5g", "gdp"}),
        ("“三百份”样刊", {"“三百份”", "300份"}),
        ("一个人、一位老人、十分高兴、千万别急、三四个", set()),
    ],
)
def test_a_fact_has_one_spelling(text, facts):
    assert key_facts(text) == facts


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("十", 10),
        ("二十", 20),
        ("一百零五", 105),
        ("两千一百四十", 2140),
        ("三万五", 35_000),
        ("两千三", 2300),
        ("一亿二千万", 120_000_000),
        ("一万亿", 10**12),
        ("二〇二五", 2025),
        ("十二点五", Decimal("12.5")),
        ("三四", None),
        ("三四百", None),
        ("千万", None),
        ("百", None),
    ],
)
def test_chinese_numerals_have_their_value(numeral, value):
    assert number(numeral) == value


@given(st.integers(0, 9999))
def test_arabic_and_full_width_digits_are_one_fact(value):
    wide = str(value).translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    assert key_facts(f"共{value}元") == key_facts(f"共{wide}元") == {f"{value}元"}


def test_spans_keep_the_order_and_the_wording_of_the_text():
    assert spans("从１０月起，四万人看过《河灯》。") == [
        ("１０月", "10月"),
        ("四万人", "40000人"),
        ("《河灯》", "“河灯”"),
    ]


def test_coverage_is_the_share_of_the_reference_that_is_kept():
    assert coverage("3月7日起12条线路调整", "三月七日起，十二条线路调整") == 1.0
    assert coverage("3月7日起12条线路调整", "3月7日起，多条线路调整") == 0.5
    assert coverage("3月7日起12条线路调整", "") == 0.0


def test_a_quotation_counts_without_its_marks():
    assert coverage("“修一修”半年接单", "修一修便民点半年接单") == 1.0


def test_a_reference_without_facts_has_no_coverage():
    assert coverage("长椅的温度", "长椅的温度") is None


@given(st.text())
def test_every_text_covers_itself(text):
    assert coverage(text, text) in (None, 1.0)
