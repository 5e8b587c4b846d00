"""One reader per file type: bytes in, one `Reading` out, or `UnreadableError` with a reason.

Readers take bytes because the size was checked before anything was read. Each catches the errors that its library is
known to raise on broken files, by name; they were collected by truncating files and flipping their bits.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from yelian.stages.corpus.notices import author_in, find_licence, is_credit, iso_date, take_licence
from yelian.text.article import title_line
from yelian.text.decode import DecodeError, decode, is_binary
from yelian.text.lines import paragraphs
from yelian.text.normalise import squeeze

UNPACKED = 20  # a .docx may unpack to this many times its size limit; a zip bomb reaches a thousand
_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n(.*?)\n---[ \t]*(?:\n|$)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z_][\w-]*)[ \t]*:[ \t]*(.*)")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]+)\]\([^)\n]*\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![*A-Za-z0-9])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?!\*)")
_BOLD_LINE = re.compile(r"^\*\*([^*\n]+)\*\*$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^\|?(?:\s*:?-{3,}:?\s*\|)+\s*$")
_GAP = re.compile(r"\u3000|[|｜]|\s*\n\s*")
# What zipfile and python-docx raise on broken packages, besides PackageNotFoundError and lxml's own errors.
_BROKEN_PACKAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, AttributeError, NotImplementedError, EOFError,
    RuntimeError,  # zipfile's way to say "encrypted"
)  # fmt: skip
_BLOCKS = ("p", "div", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "article", "section")
_LINES = ("p", "div", "td", "li", "footer", "small", "span", "section")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says: its text without the title line, and what it states about itself."""

    text: str
    title: str | None = None
    published_at: str | None = None
    author: str | None = None
    publisher: str | None = None
    licence: str | None = None
    encoding: str | None = None


class UnreadableError(Exception):
    """A file or line from which no text comes; `reason` goes into the ledger."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_txt(data: bytes, limit: int) -> Reading:  # noqa: ARG001 - all readers are called alike
    """Plain text; a first line that looks like a title becomes it."""
    text, encoding = _decode(data)
    text, licence = take_licence(text)
    title = title_line(text)
    return Reading(without_title(text, title), title, licence=licence, encoding=encoding)


def read_markdown(data: bytes, limit: int) -> Reading:  # noqa: ARG001
    """Markdown with or without front matter.

    Of the front matter the plain `key: value` lines title, author, date, licence (license) and source are used, other
    keys and nested ones are not. Headings and lists stay as they are; images, link targets and emphasis go.
    """
    text, encoding = _decode(data)
    text = text.replace("\r\n", "\n")
    fields: dict[str, str] = {}
    if head := _FRONT_MATTER.match(text):
        lines = (_FIELD.fullmatch(line.rstrip()) for line in head[1].split("\n"))
        fields = {line[1].lower(): line[2].strip().strip("\"'") for line in lines if line}
        text = text[head.end() :]
    text, notice = take_licence(plain_markdown(text))
    heading = title_line(text)
    title = fields.get("title") or heading
    return Reading(
        without_title(text, heading) if heading and heading == title else text,
        title,
        published_at=iso_date(fields.get("date", "")),
        author=fields.get("author") or None,
        publisher=fields.get("source") or None,
        licence=fields.get("licence") or fields.get("license") or notice,
        encoding=encoding,
    )


def read_html(data: bytes, limit: int) -> Reading:  # noqa: ARG001
    """The main text of a page, by trafilatura, with headings and lists as markdown.

    Our own decoder reads the bytes, because a meta tag often names another encoding than the one used. Tables that
    only lay out the page become plain blocks first: old news sites keep the whole article in one cell.
    """
    import trafilatura
    from lxml import etree, html

    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    logging.getLogger("htmldate").addHandler(logging.NullHandler())
    text, encoding = _decode(data)
    try:
        tree = html.document_fromstring(text.encode("utf-8"), parser=html.HTMLParser(encoding="utf-8"))
    except etree.ParserError as error:
        raise UnreadableError("no_main_text", f"no HTML: {error}") from error
    pieces = list(_page_lines(tree))
    licence = _linked_licence(tree) or find_licence(pieces)
    author = _meta(tree, "author") or next(filter(None, map(author_in, pieces)), None)
    _unwrap_layout_tables(tree)
    # max_date is today by default, which would make the result depend on the day of the run.
    dates = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
    page: Any = trafilatura.bare_extraction(
        tree, include_formatting=True, include_comments=False, with_metadata=True, date_extraction_params=dates
    )
    if page is None or not (page.text or "").strip():
        raise UnreadableError("no_main_text", "the page holds no main text")
    title = page.title or None
    lines = _plain_tables(plain_markdown(page.text)).split("\n")
    body = "\n".join(line for line in lines if not is_credit(line.strip()))
    body, notice = take_licence(body)
    if title is None:
        title = title_line(body)
    return Reading(
        without_title(body, title),
        title,
        published_at=iso_date(page.date or ""),
        author=author,
        publisher=page.sitename or None,
        licence=licence or notice,
        encoding=encoding,
    )


def read_pdf(data: bytes, limit: int) -> Reading:  # noqa: ARG001
    """The text layer of a PDF, lines joined to paragraphs."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        try:
            pages = [_page_text(page) for page in document]
            fields = document.get_metadata_dict()
        finally:
            document.close()
    except pypdfium2.PdfiumError as error:
        raise UnreadableError("unreadable_pdf", str(error)) from error
    if not any(line.strip() for page in pages for line in page):
        raise UnreadableError("no_text_layer", f"{len(pages)} pages without text: scanned pictures")
    found = paragraphs(pages)
    given = _clean(fields.get("Title", ""))
    title = given if any(squeeze(given) == squeeze(line) for line in found[:3]) else None
    while title and found and squeeze(title) in map(squeeze, found[:3]):
        found.pop(0)
    text, licence = take_licence("\n".join(found))
    title = title or title_line(text)
    return Reading(without_title(text, title), title, author=_clean(fields.get("Author", "")) or None, licence=licence)


def read_docx(data: bytes, limit: int) -> Reading:
    """Paragraphs and tables of a Word file in their order; a row is one line, headings and lists as markdown."""
    import docx
    from docx.opc.exceptions import PackageNotFoundError
    from lxml import etree

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            unpacked = sum(member.file_size for member in package.infolist())
        if unpacked > UNPACKED * limit:
            raise UnreadableError("too_large", f"unpacks to {unpacked / 2**20:.0f} MB")
        document = docx.Document(io.BytesIO(data))
        lines = list(_word_lines(document))
        properties = document.core_properties
        stated, author = properties.title or "", properties.author or ""
    except (PackageNotFoundError, etree.LxmlError, *_BROKEN_PACKAGE) as error:
        raise UnreadableError("unreadable_docx", f"{type(error).__name__}: {error}") from error
    title = next((text for style, text in lines[:3] if style == "Title"), None)
    text, licence = take_licence("\n".join(text for style, text in lines if not (style == "Title" and text == title)))
    if title is None:
        heading = title_line(text)
        title = stated if stated and heading == stated else heading
        text = without_title(text, title)
    return Reading(text, title, author=author or None, licence=licence)


READERS: dict[str, Callable[[bytes, int], Reading]] = {
    ".txt": read_txt, ".text": read_txt, ".md": read_markdown, ".markdown": read_markdown,
    ".html": read_html, ".htm": read_html, ".xhtml": read_html, ".shtml": read_html,
    ".pdf": read_pdf, ".docx": read_docx,
}  # fmt: skip


def check_head(suffix: str, head: bytes) -> None:
    """UnreadableError for a file whose first `HEAD` bytes show that it is not what its suffix says.

    A gigabyte of zeros costs four kilobytes this way.
    """
    if suffix == ".pdf" and b"%PDF" not in head[:1024]:
        raise UnreadableError("unreadable_pdf", "no PDF header in the first 1,024 bytes")
    if suffix == ".docx" and not head.startswith(b"PK"):
        raise UnreadableError("unreadable_docx", "a .docx is a zip file, this is none")
    if suffix not in (".pdf", ".docx") and is_binary(head):
        raise UnreadableError("binary", "mostly NUL bytes")


def read(suffix: str, data: bytes, limit: int) -> Reading:
    """Read a file by its suffix (lower case, with the dot). `limit` is the size in bytes that it kept to.

    UnreadableError with `empty` when nothing but white space comes out, and with the reason of the reader otherwise.
    """
    if not data.strip():
        raise UnreadableError("empty", f"{len(data)} bytes, none of them visible")
    reading = READERS[suffix](data, limit)
    if not squeeze(reading.text):
        raise UnreadableError("empty", "no text besides the title" if reading.title else "nothing but white space")
    return reading


def plain_markdown(text: str) -> str:
    """Markdown without comments, images, link targets and emphasis; a line all in bold becomes a sub-heading."""
    text = _LINK.sub(r"\1", _IMAGE.sub("", _COMMENT.sub("", text)))
    return _EMPHASIS.sub(r"\2", _BOLD_LINE.sub(r"## \1", text))


def without_title(text: str, title: str | None) -> str:
    """The text without a first line that is the title."""
    first, _, rest = text.lstrip().partition("\n")
    same = title is not None and squeeze(first.lstrip("#")) == squeeze(title)
    return rest.strip("\n") if same else text


def _decode(data: bytes) -> tuple[str, str]:
    try:
        decoded = decode(data)
    except DecodeError as error:
        raise UnreadableError(error.reason, error.detail) from error
    return decoded.text, decoded.encoding


def _clean(value: str) -> str:
    return value.replace("\0", "").strip()


def _meta(tree: Any, name: str) -> str | None:
    values = tree.xpath("//meta[@name=$name]/@content", name=name)
    return str(values[0]).strip() or None if values else None


def _linked_licence(tree: Any) -> str | None:
    """The target of a `rel="license"` link."""
    found = tree.xpath("//*[contains(concat(' ', @rel, ' '), ' license ')]/@href")
    return str(found[0]).strip() or None if found else None


def _page_lines(tree: Any) -> Iterator[str]:
    """Text of the innermost blocks of a page, footer included, cut where wide gaps or bars part it."""
    for element in tree.iter(*_LINES):
        if next(element.iterdescendants(*_BLOCKS), None) is None:
            yield from (" ".join(piece.split()) for piece in _GAP.split(element.text_content()))


def _unwrap_layout_tables(tree: Any) -> None:
    """Turn tables without rows and columns of their own, or with blocks in their cells, into plain blocks."""
    for table in list(tree.iter("table")):
        rows = list(table.iter("tr"))
        columns = max((len(list(row.iterchildren("td", "th"))) for row in rows), default=0)
        blocks = next((element for element in table.iterdescendants(*_BLOCKS)), None)
        if blocks is None and len(rows) > 1 and columns > 1:
            continue
        for element in (table, *table.iterdescendants("table", "tbody", "thead", "tfoot", "tr", "td", "th")):
            element.tag = "div"


def _plain_tables(text: str) -> str:
    """Markdown tables without rulers; a row with one cell that is filled becomes a line."""
    lines = []
    for line in text.split("\n"):
        if _TABLE_RULE.match(line.strip()):
            continue
        if line.strip().startswith("|") and line.strip().endswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            filled = [cell for cell in cells if cell]
            line = "| " + " | ".join(cells) + " |" if len(filled) > 1 else "".join(filled)
        lines.append(line)
    return "\n".join(lines)


def _page_text(page: Any) -> list[str]:
    text_page = page.get_textpage()
    try:
        text: str = text_page.get_text_range()
    finally:
        text_page.close()
        page.close()
    return text.replace("\r\n", "\n").replace("\0", "").split("\n")


def _word_lines(container: Any) -> Iterator[tuple[str, str]]:
    """`(style, line)` of every paragraph and table row, in order; merged cells once, nested tables inside their row."""
    from docx.table import Table, _Cell

    for item in container.iter_inner_content():
        if isinstance(item, Table):
            for row in item._tbl.tr_lst:
                # Not row.cells: that repeats a merged cell as often as the file says, which may be a billion times.
                cells = (_Cell(tc, item) for tc in row.tc_lst if tc.vMerge != "continue")
                texts = [" ".join(text for _, text in _word_lines(cell)) for cell in cells]
                if any(texts):
                    yield "Table", "| " + " | ".join(texts) + " |"
            continue
        text = item.text.strip()
        if not text:
            continue
        style = item.style.name if item.style is not None else ""
        if style.startswith("Heading"):
            text = "## " + text
        elif style.startswith("List"):
            text = "- " + text
        yield style, text
