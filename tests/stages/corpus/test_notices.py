import pytest

from yelian.stages.corpus.notices import author_in, find_licence, is_credit, iso_date, take_licence


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-05-06", "2026-05-06"),
        ("2026/5/6 10:05", "2026-05-06"),
        ("2026年5月6日", "2026-05-06"),
        ("2026.05.06", "2026-05-06"),
        ("20260506", "2026-05-06"),
        ("2026-05-06T10:05:00+08:00", "2026-05-06"),
        ("2026-13-45", None),
        ("昨天", None),
        ("", None),
    ],
)
def test_the_usual_ways_to_write_a_day(value, day):
    assert iso_date(value) == day


@pytest.mark.parametrize(
    "notice",
    [
        "未经授权不得转载、摘编。",
        "未經授權，禁止轉載",
        "转载请务必在文首注明出处",
        "本文采用 CC BY 4.0 许可协议发布",
        "版权归作者所有",
        "© 2026 All rights reserved",
    ],
)
def test_a_rights_notice_at_the_end_is_taken_as_the_licence(notice):
    assert take_licence(f"第一段。\n第二段。\n{notice}") == ("第一段。\n第二段。", notice)


def test_a_notice_further_up_is_the_subject_of_the_text():
    text = "他说，未经授权不得转载。\n" + "别的段落。\n" * 3
    assert take_licence(text) == (text, None)


def test_a_text_that_is_only_a_notice_stays():
    assert take_licence("未经授权不得转载。") == ("未经授权不得转载。", None)


def test_the_notice_that_says_most_wins():
    lines = ["版权所有：某网站", "未经许可不得转载", "本文以 CC BY 4.0 发布"]
    assert find_licence(lines) == "本文以 CC BY 4.0 发布"
    assert find_licence(lines[:2]) == "未经许可不得转载"
    assert find_licence(["没有说法"]) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-05-06 10:05　来源：碧湖新闻网　作者：储鸣", True),
        ("责任编辑：邬晴　校对：简一", True),
        ("来源：碧湖新闻网", False),
        ("2026年5月6日，记者从码头获悉，夜航船恢复运营。", False),
        ("作者的话说到了点子上", False),
    ],
)
def test_bylines_and_editors_are_credits(line, expected):
    assert is_credit(line) is expected


def test_the_author_follows_the_word_author():
    assert author_in("2026-05-06　来源：碧湖新闻网　作者：储鸣　点击：1208") == "储鸣"
    assert author_in("文／簡子嵐　攝影／康凱") == "簡子嵐"
    assert author_in("没有署名") is None
