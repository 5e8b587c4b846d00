import re
import xml.etree.ElementTree as ET

import pytest

from yelian.stages.assay import charts

ROWS = [
    {"label": "标题生成 MU01", "base": 4.0, "tuned": 3.5, "difference": -0.5, "low": -0.7, "high": -0.3}
    | {"significant": True},
    {"label": "导语与副题 MU02", "base": 4.0, "tuned": 3.9, "difference": -0.1, "low": None, "high": None}
    | {"significant": False},
]


def labels(svg):
    return [each.text for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_chinese_labels_are_whole_and_have_room_to_the_left():
    svg = charts.levels(ROWS, charts.HALF)
    assert {"标题生成 MU01", "导语与副题 MU02"} <= set(labels(svg))
    shift = float(re.search(r'transform="translate\(([\d.]+),', svg)[1])
    assert shift >= charts.text_width("导语与副题 MU02")


def test_a_chart_has_exactly_the_width_it_was_asked_for():
    both = charts.both(lambda width: charts.differences(ROWS, width), charts.HALF)
    assert [ET.fromstring(both[name]).get("width") for name in ("wide", "narrow")] == ["488", "340"]


def test_a_difference_that_is_not_significant_is_hollow_and_one_without_interval_has_no_line():
    svg = charts.differences(ROWS, charts.HALF)
    assert svg.count('fill="#ffffff" stroke="#0f6e63"') == 1
    assert svg.count('fill="#0f6e63" stroke="#0f6e63"') == 1
    assert len(re.findall(r'<line [^>]*stroke="#0f6e63"', svg)) == 1


def test_the_loss_curve_has_each_step_and_the_mean_of_five():
    log = [{"step": step, "loss": float(step)} for step in range(1, 8)]
    svg = charts.loss(log, "步", charts.WHOLE)
    assert "步" in labels(svg)
    assert len(re.findall(r'<path [^>]*fill="none"|<path [^>]*stroke="#(?:8a939a|0f6e63)"', svg)) >= 2


def test_shares_leave_out_a_step_that_read_nothing():
    rows = [
        {"label": "corpus.read", "read": 10, "kept": 7, "dropped": 2, "rejected": 1},
        {"label": "corpus.clean", "read": 0, "kept": 0, "dropped": 0, "rejected": 0},
    ]
    svg = charts.shares(rows, charts.WHOLE)
    assert sum(svg.count(f'fill="{color}"') for color in (charts.TUNED, charts.DROPPED, charts.REJECTED)) == 3


def test_a_wide_character_takes_an_em():
    assert charts.text_width("标题 A") == pytest.approx(2 * charts.SIZE + 2 * 0.6 * charts.SIZE)


def test_steps_on_the_axis_are_whole_numbers_and_at_most_eight():
    for count in (3, 40):
        log = [{"step": step, "loss": float(step)} for step in range(1, count + 1)]
        shown = [text for text in labels(charts.loss(log, "步", charts.WHOLE)) if text != "步"]
        steps = [text for text in shown if "." not in text]
        assert steps[:3] == {3: ["1", "2", "3"], 40: ["1", "6", "11"]}[count]
        assert len([text for text in steps if int(text) <= count]) >= 3
