"""Small files of every kind, made here so that no binary lies in the repository."""

from __future__ import annotations

import io
import json
from pathlib import Path

import docx

TITLE = "古镇恢复夜航船"
LEAD = "5月1日傍晚六点四十分，载着三十六名乘客的“菱歌一号”离开古镇东码头，停办十四年的夜航船恢复运营。"
BODY = "老船工计水根今年七十一岁，从二十岁起就在船上撑篙。他记得，那时候每晚一班，挑菜的、走亲戚的人挤在一条船上。"
LAST = "运营方表示，5月每晚开行两班，发船时间为六点四十分和八点三十分；雷雨季节可能临时停航，出发前可以打电话查询。"
TEXT = f"{LEAD}\n{BODY}\n{LAST}"


def txt(title: str = TITLE, text: str = TEXT) -> str:
    return f"{title}\n\n{text}\n"


def markdown() -> str:
    fields = f"title: {TITLE}\nauthor: 储鸣\ndate: 2026-05-06\nsource: 碧湖晚报\nlicence: CC-BY-4.0"
    return f"---\n{fields}\n---\n# {TITLE}\n\n{TEXT}\n"


def page(charset: str = "utf-8", notice: str = "未经授权不得转载。") -> str:
    """An old news page: the article stands in one cell of a layout table, between menus."""
    paragraphs = "".join(f"<p>　　{line}</p>\n" for line in TEXT.split("\n"))
    return f"""<html><head><meta charset="{charset}"><title>{TITLE} - 碧湖新闻网</title>
<meta name="pubdate" content="2026-05-06 10:05:00"></head><body>
<table><tr><td><a href="/">首页</a> | <a href="/a">要闻</a> | <a href="/b">图库</a></td></tr></table>
<table><tr><td><h1>{TITLE}</h1>
<div>2026-05-06 10:05:00　来源：碧湖新闻网　作者：储鸣　点击：1208</div>
<div>{paragraphs}</div><div>{notice}</div></td>
<td><h3>推荐</h3><ul><li><a href="/x">骑行地图</a></li><li><a href="/y">酒店预订</a></li></ul></td></tr></table>
</body></html>"""


def word() -> bytes:
    document = docx.Document()
    document.add_paragraph(TITLE, style="Title")
    document.add_paragraph(LEAD)
    document.add_heading("一、班次", level=1)
    table = document.add_table(rows=2, cols=3)
    for row, cells in zip(table.rows, (("班次", "时间", "票价"), ("头班", "18:40", "二十元")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("雨天停航", style="List Bullet")
    document.add_paragraph(LAST)
    document.core_properties.author = "储鸣"
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def pdf(pages: list[list[str]], title: str = "") -> bytes:
    """A PDF with a text layer in a standard Chinese font that is not embedded."""
    objects = [
        b"",
        b"",
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[4 0 R]>>",
    ]
    objects.append(
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo"
        b"<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>/DW 1000/FontDescriptor 5 0 R>>"
    )
    objects.append(
        b"<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[0 -200 1000 900]/ItalicAngle 0"
        b"/Ascent 800/Descent -200/CapHeight 700/StemV 80>>"
    )
    kids = []
    for lines in pages:
        shown = "\n".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -20 Td" for line in lines)
        stream = f"BT /F 12 Tf 60 780 Td\n{shown}\nET".encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        kids.append(len(objects) + 1)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
            % len(objects)
        )
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    objects.append(b"<</Title<feff%s>>>" % title.encode("utf-16-be").hex().encode())
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        len(objects),
        start,
    )
    return bytes(out)


def jsonl(*records: dict) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def fill(folder: Path) -> Path:
    """One sound file of every type, each with its own text where two would be copies."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_bytes(txt(text=TEXT.replace("三十六", "三十七")).encode("gb18030"))
    (folder / "b.md").write_text(markdown(), encoding="utf-8")
    (folder / "c.html").write_bytes(page(charset="iso-8859-1").replace("三十六", "三十八").encode("gb18030"))
    (folder / "d.docx").write_bytes(word())
    (folder / "e.pdf").write_bytes(
        pdf([[TITLE, "\u3000\u3000" + LEAD[:22], LEAD[22:], "\u3000\u3000" + BODY[:22], BODY[22:44]]], TITLE)
    )
    (folder / "f.jsonl").write_bytes(
        jsonl(
            {"title": TITLE, "text": TEXT.replace("三十六", "四十"), "date": "2026/5/6", "license": "CC0-1.0", "id": 7}
        )
    )
    return folder
