"""What a document says about itself in its own words: its licence, its date, its author.

A licence is quoted, not interpreted: `licence` of a document holds the sentence that grants or withholds it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

LAST_BLOCKS = 3  # a rights notice stands at the end of an article; further up it is more likely its subject
NOTICE_CHARS = 120

# The more a notice says, the earlier it stands; each in simplified and traditional characters.
_NOTICES = tuple(
    map(
        re.compile,
        (
            r"CC[ -]?BY|CC0|[Cc]reative [Cc]ommons|知识共享|知識共享|创用|創用",
            r"未[经經].{0,12}(?:授权|授權|许可|許可|允许|允許|同意).{0,20}(?:不得|禁止|严禁|嚴禁|谢绝|謝絕|请勿|請勿)",
            r"(?:不得|禁止|谢绝|謝絕|请勿|請勿|严禁|嚴禁).{0,4}(?:转载|轉載|摘编|摘編)",
            r"(?:转载|轉載).{0,8}(?:须|需|请|应|須|請|應|務必|务必).{0,10}(?:注明|标明|保留|註明|標明)",
            r"版权.{0,4}(?:属|归|所有)|版權.{0,4}(?:屬|歸|所有)|[Aa]ll [Rr]ights [Rr]eserved",
        ),
    )
)
_CREDIT_START = re.compile(r"[（(]?(?:责任编辑|責任編輯|责编|責編|编辑|編輯|校对|校對|审核|監製|监制)\s*[:：]")
_CREDIT_FIELD = re.compile(
    r"(?:来源|來源|作者|记者|文|撰文|摄影|攝影|点击|點擊|阅读|閱讀|发布时间|更新于|更新時間|责任编辑|编辑)\s*[:：／/约約]?"
)
_DATE = re.compile(r"(?<!\d)(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})(?!\d)|^(\d{4})(\d{2})(\d{2})$")
_AUTHOR = re.compile(r"(?:作者|撰文|(?<!\w)文)\s*[:：／/]\s*([^\s，。、；;|:：／/]{2,12})")
_CREDIT_CHARS = 80


def find_licence(lines: Iterable[str]) -> str | None:
    """The line that says most about what others may do with the text, or None."""
    short = [line.strip() for line in lines if len(line.strip()) <= NOTICE_CHARS]
    for notice in _NOTICES:
        for line in short:
            if notice.search(line):
                return line
    return None


def take_licence(text: str) -> tuple[str, str | None]:
    """The text without the rights notice at its end, and that notice. A text that is only a notice stays."""
    lines = text.split("\n")
    last = [index for index, line in enumerate(lines) if line.strip()][1:][-LAST_BLOCKS:]
    notice = find_licence(lines[index] for index in last)
    if notice is None:
        return text, None
    place = next(index for index in last if lines[index].strip() == notice)
    return "\n".join([*lines[:place], *lines[place + 1 :]]).rstrip("\n"), notice


def is_credit(line: str) -> bool:
    """Whether a line of a web page is a byline or an editor's credit, and no part of the text."""
    if len(line) > _CREDIT_CHARS or line.endswith(("。", "！", "？")):
        return False
    if _CREDIT_START.match(line):
        return True
    return _DATE.search(line) is not None and _CREDIT_FIELD.search(line) is not None


def author_in(line: str) -> str | None:
    """The name after 作者： or 文／ in a short line."""
    found = _AUTHOR.search(line) if len(line) <= _CREDIT_CHARS else None
    return found[1] if found else None


def iso_date(value: str) -> str | None:
    """`2026-03-05` out of the usual ways to write a day; None when there is none, or no such day."""
    found = _DATE.search(value.strip())
    if not found:
        return None
    year, month, day = (int(part) for part in found.groups() if part)
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        return None
