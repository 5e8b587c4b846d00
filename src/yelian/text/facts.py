"""Key facts that a program can find: numbers with their unit, dates, quotations, titles of works, Latin words.

Used to ask how many of the facts of a real headline or summary an answer keeps. What it cannot see: names of people
and places without quotation marks, who did what to whom, and whether a number stands beside the right thing. It is
a floor for faithfulness, not a measure of truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_NUMERAL = "零〇一二两兩三四五六七八九十百千万萬亿億"
_UNIT = (  # longest first
    "平方公里|个百分点|平方米|立方米|千瓦时|百分点|公里|千米|厘米|毫米|千克|公斤|毫升|"
    "小时|分钟|个月|人次|美元|欧元|周岁|个|亩|元|角|分|岁|年|月|日|号|天|周|时|点|"
    "秒|届|期|名|人|位|户|家|条|项|起|件|只|辆|艘|架|座|处|所|间|场|次|份|种|"
    "款|张|本|部|集|篇|页|块|台|套|支|枚|颗|株|吨|克|米|度|倍|成|层|代|级|升|"
    "站|线|路|楼|栋|组|批|班|字|句|折|盏|双|副|把|瓶|罐|盒|包|斤"
)
_SAME = {"周岁": "岁", "号": "日", "千米": "公里", "千克": "公斤", "个百分点": "百分点"}
_SAME |= {"人次": "人", "名": "人", "位": "人"}
# 一届 is a fact, 一个 is not.
_FIRM = re.compile("个百分点|百分点|周岁|公里|小时|分钟|公斤|个月|元|岁|月|日|米|秒|吨|克|倍|成|届")

_ARABIC = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_WORDS = rf"[{_NUMERAL}]+(?:点[零〇一二两三四五六七八九]+)?"
_QUOTED = re.compile(r"[“「『《]([^“”「」『』《》\n]{1,40})[”」』》]|\"([^\"\n]{1,40})\"")
_DATE = re.compile(
    r"(?<!\d)(?:(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?!\d)[日号]?|(\d{1,2})月(\d{1,2})[日号])"
    rf"|(?:([〇零一二三四五六七八九]{{4}})年)?([{_NUMERAL}]{{1,2}})月([{_NUMERAL}]{{1,3}})[日号]"
)
_TIME = re.compile(r"(?<!\d)(\d{1,2})[:：](\d{2})(?!\d)")
_PERCENT = re.compile(rf"({_ARABIC})\s*%|百分之({_WORDS})")
_FRACTION = re.compile(rf"([{_NUMERAL}]+)分之([{_NUMERAL}]+)")
_LATIN = re.compile(r"[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*(?:[-+.&][A-Za-z0-9]+)*")
_NUMBER = re.compile(rf"({_ARABIC})([万萬亿億]*)[余多]?\s?({_UNIT})?")
_CHINESE = re.compile(rf"(?!十分)({_WORDS})[余多]?({_UNIT})?")
# Full-width letters, digits and the signs that stand in numbers; one to one, so that positions stay.
_FOLD = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_FOLD |= {ord(wide): narrow for wide, narrow in zip("％．－／", "%.-/", strict=True)}


def key_facts(text: str) -> frozenset[str]:
    """The facts of a text in one spelling: `46000人`, `12.5%`, `3月7日`, `“修一修”`, `gdp`."""
    return frozenset(fact for _, fact in spans(text))


def coverage(reference: str, answer: str) -> float | None:
    """Share of the reference's key facts that the answer keeps; None when the reference has none.

    Quotations and Latin words count as kept wherever their words stand, with or without quotation marks.
    """
    wanted = key_facts(reference)
    if not wanted:
        return None
    got, words = key_facts(answer), answer.translate(_FOLD).lower()
    kept = [fact for fact in wanted if fact in got or (not fact[0].isdigit() and fact.strip("“”") in words)]
    return len(kept) / len(wanted)


def spans(text: str) -> list[tuple[str, str]]:
    """`(as written, in one spelling)` of each fact, in the order of the text."""
    rest = text.translate(_FOLD)
    found: list[tuple[int, int, str]] = []
    for kind in (_quotations, _dates, _times, _percents, _fractions, _latin_words, _numbers, _chinese_numbers):
        new = list(kind(rest))
        found += new
        if kind is not _quotations:  # a number inside a quotation is a fact of its own
            for start, end, _ in new:
                rest = rest[:start] + "\0" * (end - start) + rest[end:]
    return [(text[start:end].strip(), fact) for start, end, fact in sorted(found)]


def number(numeral: str) -> Decimal | None:
    """The value of a Chinese numeral (四万六千, 十二点五, 二〇二五); None for what only looks like one (三四, 千万)."""
    whole, _, fraction = numeral.partition("点")
    value = _digit_row(whole) if len(whole) > 1 and all(char in _DIGITS for char in whole) else _placed(whole)
    if value is None:
        return None
    return Decimal(value) + (Decimal("0." + "".join(str(_DIGITS[char]) for char in fraction)) if fraction else 0)


Found = Iterator[tuple[int, int, str]]


def _quotations(text: str) -> Found:
    for match in _QUOTED.finditer(text):
        yield match.start(), match.end(), f"“{(match[1] or match[2]).strip().lower()}”"


def _dates(text: str) -> Found:
    for match in _DATE.finditer(text):
        year = match[1] or match[6]
        month, day = (_value(match[a] or match[b] or match[c]) for a, b, c in ((2, 4, 7), (3, 5, 8)))
        if month is None or day is None or not (1 <= month <= 12 and 1 <= day <= 31):
            continue
        yield match.start(), match.end(), f"{month:f}月{day:f}日"
        if year and (value := _value(year)) is not None:
            yield match.start(), match.end(), f"{value:f}年"


def _times(text: str) -> Found:
    for match in _TIME.finditer(text):
        yield match.start(), match.end(), f"{int(match[1])}:{match[2]}"


def _percents(text: str) -> Found:
    for match in _PERCENT.finditer(text):
        if (value := _value(match[1] or match[2])) is not None:
            yield match.start(), match.end(), f"{_plain(value)}%"


def _fractions(text: str) -> Found:
    for match in _FRACTION.finditer(text):
        below, above = number(match[1]), number(match[2])
        if below is not None and above is not None:
            yield match.start(), match.end(), f"{_plain(above)}/{_plain(below)}"


def _latin_words(text: str) -> Found:
    for match in _LATIN.finditer(text):
        if len(match.group()) > 1:
            yield match.start(), match.end(), match.group().lower()


def _numbers(text: str) -> Found:
    for match in _NUMBER.finditer(text):
        value = Decimal(match[1].replace(",", ""))
        for place in match[2]:
            value *= _LARGE[place]
        yield match.start(), match.end(), _with_unit(value, match[3])


def _chinese_numbers(text: str) -> Found:
    for match in _CHINESE.finditer(text):
        value, unit = number(match[1]), match[2]
        if value is None or (unit is None and len(match[1]) < 2) or (value == 1 and not _FIRM.fullmatch(unit or "")):
            continue
        yield match.start(), match.end(), _with_unit(value, unit)


def _with_unit(value: Decimal, unit: str | None) -> str:
    if unit == "成":
        return f"{_plain(value * 10)}%"
    return _plain(value) + _SAME.get(unit or "", unit or "")


def _value(numeral: str) -> Decimal | None:
    return Decimal(numeral.replace(",", "")) if numeral[0].isdigit() else number(numeral)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _digit_row(numeral: str) -> int | None:
    """二〇二五 is 2025; 三四 is "three or four" and no number, so a short row needs a zero."""
    row = "".join(str(_DIGITS[char]) for char in numeral)
    return int(row) if len(row) >= 4 or "0" in row[1:] else None


def _placed(numeral: str) -> int | None:
    """Positional reading: sections of 万 and 亿, each with 千, 百, 十. None where a place has no digit before it."""
    total = section = 0
    digit: int | None = None
    last_place = 0
    for char in numeral:
        if char in _DIGITS:
            if digit:  # 三四百: two digits in a row
                return None
            digit = _DIGITS[char]
            last_place = 0 if digit == 0 else last_place
        elif char in _SMALL:
            if digit is None and not (char == "十" and not section):
                return None
            section += (1 if digit is None else digit) * _SMALL[char]
            digit, last_place = None, _SMALL[char]
        else:
            section += digit or 0
            if not section and not total:
                return None
            large = _LARGE[char]  # 一亿二千万: 万 multiplies 二千 alone; 一万亿: 亿 multiplies all before it
            total = total + section * large if total >= large else (total + section) * large
            section, digit, last_place = 0, None, large
    # 两千三 means 2,300: a digit that ends the numeral right after a place counts a tenth of that place.
    return total + section + (digit or 0) * (last_place // 10 if last_place >= 100 else 1)
