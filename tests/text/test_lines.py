from yelian.text.lines import paragraphs

FULL = "一二三四五六七八九十一二三四五六七八九十"


def test_full_lines_are_joined_without_a_blank_between_ideographs():
    assert paragraphs([[f"\u3000\u3000{FULL}", FULL, "短行完。", f"\u3000\u3000{FULL}", "完。"]]) == [
        FULL + FULL + "短行完。",
        FULL + "完。",
    ]


def test_latin_words_keep_the_blank_and_hyphens_go():
    assert paragraphs([["the quick brown fox and the", "lazy dog jumped over\ufffe", "board tonight"]]) == [
        "the quick brown fox and the lazy dog jumped overboard tonight"
    ]


def test_a_paragraph_goes_on_over_the_page_and_running_lines_go():
    first = ["新闻稿", FULL, FULL, "社区联合会 第1页"]
    second = ["新闻稿", "收尾。", "社区联合会 第2页"]
    assert paragraphs([first, second]) == [FULL + FULL + "收尾。"]


def test_a_page_number_alone_goes_even_on_a_single_page():
    assert paragraphs([["正文一行。", "— 1 —"]]) == ["正文一行。"]


def test_a_blank_line_and_a_heading_end_a_paragraph():
    assert paragraphs([[FULL, "", FULL, "3.3　一个对照案例", FULL]]) == [FULL, FULL, "3.3　一个对照案例", FULL]
