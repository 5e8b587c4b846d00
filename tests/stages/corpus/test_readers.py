import io
import random
import zipfile

import docx
import pytest

from stages.corpus.samples import BODY, LAST, LEAD, TEXT, TITLE, markdown, page, pdf, txt, word
from yelian.stages.corpus.readers import UNPACKED, UnreadableError, check_head, plain_markdown, read

LIMIT = 2**20
WIDE = "一二三四五六七八九十一二三四五六七八九十"


REASONS = (
    "empty", "binary", "undecodable", "garbled", "no_main_text", "unreadable_pdf", "no_text_layer", "unreadable_docx",
)  # fmt: skip


def refusal(suffix: str, data: bytes) -> str | None:
    try:
        read(suffix, data, LIMIT)
    except UnreadableError as error:
        return error.reason
    return None


def reason(suffix: str, data: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(UnreadableError) as error:
        read(suffix, data, limit)
    return error.value.reason


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_txt_in_any_encoding_gives_title_and_text(codec):
    reading = read(".txt", txt().encode(codec), LIMIT)
    assert (reading.title, reading.text) == (TITLE, TEXT)


def test_front_matter_is_read_and_the_heading_is_not_doubled():
    reading = read(".md", markdown().encode(), LIMIT)
    assert (reading.title, reading.published_at, reading.author) == (TITLE, "2026-05-06", "储鸣")
    assert (reading.publisher, reading.licence) == ("碧湖晚报", "CC-BY-4.0")
    assert reading.text.strip() == TEXT


def test_a_markdown_heading_is_the_title_where_no_front_matter_is():
    reading = read(".md", f"# {TITLE}\r\n\r\n{LEAD}\r\n".encode(), LIMIT)
    assert (reading.title, reading.text) == (TITLE, LEAD)


def test_odd_front_matter_costs_nothing():
    data = f'---\ntitle: "{TITLE}"\ntags: [a, b\n  - : x\ndate: 2026-13-45\n---\n{LEAD}'
    reading = read(".md", data.encode(), LIMIT)
    assert (reading.title, reading.published_at, reading.text) == (TITLE, None, LEAD)


def test_markdown_loses_pictures_targets_and_emphasis_and_keeps_structure():
    raw = "**开场**\n## 节\n- 一项\n![图](a.png)看[这里](http://x.cn)的**重点**<!-- 注 -->，3*4*5"
    assert plain_markdown(raw) == "## 开场\n## 节\n- 一项\n看这里的重点，3*4*5"


def test_the_main_text_of_a_gb18030_page_with_a_lying_meta_tag():
    reading = read(".html", page(charset="iso-8859-1").encode("gb18030"), LIMIT)
    assert reading.text.split() == TEXT.split()
    assert (reading.title, reading.published_at, reading.author) == (TITLE, "2026-05-06", "储鸣")
    assert (reading.encoding, reading.licence) == ("gb18030", "未经授权不得转载。")


def test_a_linked_licence_says_more_than_a_sentence():
    link = '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">许可</a>'
    assert read(".html", page(notice=link).encode(), LIMIT).licence == "https://creativecommons.org/licenses/by/4.0/"


def test_a_table_of_data_keeps_its_rows():
    rows = "<table><tr><th>环节</th><th>人数</th></tr><tr><td>点击</td><td>611</td></tr></table>"
    html = f"<html><body><article><h1>{TITLE}</h1><p>{LEAD}</p>{rows}<p>{BODY}</p><p>{LAST}</p></article></body></html>"
    text = read(".html", html.encode(), LIMIT).text
    assert "| 环节 | 人数 |\n| 点击 | 611 |" in text


def test_a_page_without_main_text_says_so():
    assert reason(".html", "<!-- 只有注释 -->".encode()) == "no_main_text"
    assert reason(".html", b"<html><body></body></html>") == "no_main_text"


def test_the_lines_of_a_pdf_become_paragraphs():
    lines = [TITLE, "\u3000\u3000" + WIDE, WIDE, "收尾。", "\u3000\u3000第二段。", "— 1 —"]
    reading = read(".pdf", pdf([lines], TITLE), LIMIT)
    assert (reading.title, reading.text) == (TITLE, f"{WIDE}{WIDE}收尾。\n第二段。")


def test_a_pdf_of_pictures_has_no_text_layer():
    assert reason(".pdf", pdf([[]])) == "no_text_layer"


def test_a_broken_pdf_is_unreadable():
    data = pdf([[LEAD]])
    assert reason(".pdf", b"%PDF-1.4 broken") == "unreadable_pdf"
    assert reason(".pdf", data.replace(b"/Type/Catalog", b"/Type/Cat____")[: len(data) // 2]) == "unreadable_pdf"


def test_word_paragraphs_and_tables_come_in_their_order():
    reading = read(".docx", word(), LIMIT)
    assert (reading.title, reading.author) == (TITLE, "储鸣")
    assert reading.text.split("\n") == [
        LEAD, "## 一、班次", "| 班次 | 时间 | 票价 |", "| 头班 | 18:40 | 二十元 |", "- 雨天停航", LAST,
    ]  # fmt: skip


def test_a_merged_cell_comes_once_even_when_it_claims_a_million_columns():
    document = docx.Document()
    table = document.add_table(rows=1, cols=2)
    merged = table.rows[0].cells[0].merge(table.rows[0].cells[1])
    merged.text = LEAD
    merged._tc.tcPr.gridSpan.val = 1_000_000
    target = io.BytesIO()
    document.save(target)
    assert read(".docx", target.getvalue(), LIMIT).text == f"| {LEAD} |"


def test_a_word_file_that_unpacks_beyond_all_measure_is_too_large():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", bytes(UNPACKED * 1_000 + 1))
    assert reason(".docx", target.getvalue(), limit=1_000) == "too_large"


@pytest.mark.parametrize("member", ["word/document.xml", "[Content_Types].xml", "word/styles.xml"])
def test_a_word_file_with_a_broken_part_is_unreadable(member):
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word())) as sound, zipfile.ZipFile(target, "w") as broken:
        for item in sound.infolist():
            broken.writestr(item, b"<w:broken" if item.filename == member else sound.read(item))
    assert reason(".docx", target.getvalue()) == "unreadable_docx"


@pytest.mark.parametrize(
    ("suffix", "data"), [(".pdf", pdf([[LEAD, BODY]])), (".docx", word()), (".html", page().encode())]
)
def test_damage_anywhere_gives_a_reason_and_never_another_error(suffix, data):
    dice = random.Random(0)
    for _ in range(60):
        broken = bytearray(data)
        if dice.random() < 0.5:
            del broken[dice.randrange(len(broken)) :]
        for _ in range(dice.choice((0, 1, 30)) if broken else 0):
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        assert refusal(suffix, bytes(broken)) in (None, *REASONS)


@pytest.mark.parametrize("data", [b"", b" \n\t ", "\u3000\n\u3000".encode()])
def test_white_space_alone_is_empty(data):
    assert reason(".txt", data) == "empty"


def test_a_title_alone_is_empty():
    assert reason(".md", f"---\ntitle: {TITLE}\n---\n".encode()) == "empty"


@pytest.mark.parametrize(
    ("suffix", "head", "expected"),
    [(".txt", bytes(4096), "binary"), (".pdf", bytes(4096), "unreadable_pdf"), (".docx", b"MZ\x90", "unreadable_docx")],
)
def test_the_head_of_a_file_tells_what_it_is_not(suffix, head, expected):
    with pytest.raises(UnreadableError) as error:
        check_head(suffix, head)
    assert error.value.reason == expected
