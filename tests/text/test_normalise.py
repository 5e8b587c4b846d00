import pytest
from hypothesis import given
from hypothesis import strategies as st

from yelian.text.normalise import language, normalise, squeeze

odd = st.text(st.sampled_from("中文 a1\t\r\n\u3000\u00a0\u200b\u200d\ufeff\x07\x85\u2028e\u0301，。"))


@given(odd)
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_normalising_twice_changes_nothing_in_any_text(text):
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("一\r\n二\r三\u2028四", "一\n二\n三\n四"),
        ("\u3000\u3000段首缩进\n\u3000\u3000第二段", "段首缩进\n第二段"),
        ("甲\n\n\n\n乙\n \n\u3000\n丙", "甲\n\n乙\n\n丙"),
        ("\n\n 首尾的空行 \n\n", "首尾的空行"),
        ("零\u200b宽\ufeff和\u00ad软\x07连字", "零宽和软连字"),
        ("不\u00a0断\tb  c", "不 断 b c"),
        ("时间：周六\u3000 \u3000地点：河边", "时间：周六\u3000地点：河边"),
        ("cafe\u0301", "café"),
        ("全角，标点：留着！１２", "全角，标点：留着！１２"),
        ("👩\u200d👩 与 中\u200d文", "👩\u200d👩 与 中文"),
    ],
)
def test_one_form_for_every_way_to_lay_out_a_text(raw, clean):
    assert normalise(raw) == clean


def test_squeezing_takes_all_white_space():
    assert squeeze("一 二\n\u3000三\t\u00a0四") == "一二三四"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("今天上映的电影是 Titanic 的修复版", "zh"),
        ("The mayor 说 yes to the bridge", "en"),
        ("春の交通安全運動が始まった", "ja"),
        ("버스 노선을 개편한다", "ko"),
        ("12:30 — 45%", "und"),
    ],
)
def test_the_language_follows_the_script_of_most_words(text, code):
    assert language(text) == code
