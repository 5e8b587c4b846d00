import pytest
from hypothesis import given
from hypothesis import strategies as st

from yelian.text.article import is_heading, is_prose, sentences, split, title_line

TEXT = """夜航船恢复运营
5月1日傍晚，“菱歌一号”离开古镇东码头，停办十四年的夜航船恢复运营。

## 一、从前的船
老船工计水根今年七十一岁，从二十岁起就在船上撑篙。
【现在的船】
新船是电动船，核载四十人。"""


def test_an_article_falls_into_title_lead_headings_and_body():
    article = split(TEXT)
    assert article.title == "夜航船恢复运营"
    assert article.lead is not None
    assert article.lead.text.startswith("5月1日傍晚")
    assert [block.text for block in article.blocks if block.heading] == ["一、从前的船", "【现在的船】"]
    assert [block.text[:4] for block in article.paragraphs] == ["5月1日", "老船工计", "新船是电"]
    assert len(article.body) == 4


def test_every_block_knows_where_it_stands():
    for block in split(TEXT).blocks:
        assert TEXT[block.start : block.end].removeprefix("## ") == block.text


def test_a_given_title_takes_the_line_that_repeats_it_off():
    assert split(TEXT, "夜航船 恢复运营").blocks == split(TEXT).blocks
    other = split(TEXT, "另一个标题")
    assert (other.title, other.blocks[0].text) == ("另一个标题", "夜航船恢复运营")


def test_below_a_heading_stands_no_lead():
    article = split("【开场】\n大家晚上好，今天我们在茶坊。", "脚本")
    assert article.lead is None
    assert article.body == article.blocks


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# 标题。带句号也算\n正文。", "标题。带句号也算"),
        ("市里推出“看得懂的水费单”\n水费单从本月起换了样子，每一项都有说明。", "市里推出“看得懂的水费单”"),
        ("这一行有句号。\n下一行要长得多，是正文的第一段。", None),
        ("有句号。也不长\n下一行要长得多，是正文的第一段。", None),
        ("“家人们，闭眼入！”\n听到这句话的时候，恰恰是最该睁开眼的时候。", None),
        ("【开场】\n大家晚上好，欢迎来到直播间。", None),
        ("- 第一项\n第二项比第一项要长一些", None),
        ("只有一行的文字", None),
        ("这一行比下面的长\n短行", None),
        ("", None),
    ],
)
def test_a_title_is_a_short_line_without_a_stop_above_a_longer_one(text, title):
    assert title_line(text) == title


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("## 背景", True),
        ("【产品讲解 19:36】", True),
        ("**开场（约5分钟）**", True),
        ("一、活动概况", True),
        ("3.2　三个发现", True),
        ("第三章　从好看到记得", True),
        ("一、活动概况是这样的，先说明三点。", False),
        ("2026年的春天来得早", False),
        ("**重点**在后半句", False),
    ],
)
def test_headings_are_marked_numbered_or_bracketed(line, expected):
    assert is_heading(line) is expected


def test_list_items_tables_and_tags_are_no_prose():
    assert not any(map(is_prose, ["- 一项", "1. 一步", "| 甲 | 乙 |", "#好物 #通勤", "① 第一"]))
    assert is_prose("2026年3月，新馆开放。")


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("他来了。她走了！真的？！好……", ["他来了。", "她走了！", "真的？！", "好……"]),
        ("“修不好不收费。”她说，零件另算。走吧。", ["“修不好不收费。”她说，零件另算。", "走吧。"]),
        ("他问：「你好？我好。」然后走了。", ["他问：「你好？我好。」", "然后走了。"]),
        ("价格是3.5元。见 example.com 的说明", ["价格是3.5元。", "见 example.com 的说明"]),
        ("“没有关上的引号。后面都算一句。", ["“没有关上的引号。后面都算一句。"]),
        ("", []),
    ],
)
def test_sentences_end_at_stops_outside_quotations(paragraph, expected):
    assert sentences(paragraph) == expected


@given(st.text(st.sampled_from("他说好。！？“”「」（）…，a. 1")))
def test_no_character_is_lost_between_sentences(paragraph):
    assert "".join("".join(sentences(paragraph)).split()) == "".join(paragraph.split())
