"""One form for text that is to be compared, counted and learned from. Words and punctuation stay as they were."""

from __future__ import annotations

import re
import unicodedata

from yelian.text.decode import is_han

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Controls but tab and newline, soft hyphen, zero-width and directional marks, BOM, interlinear marks. Emoji sequences
# need the zero-width joiner U+200D: see _ZWJ.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_ZWJ = re.compile("\u200d(?![\u2600-\u27bf\U0001f000-\U0001faff])")
_ODD_SPACE = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f]")
_SPACES = re.compile(" {2,}")
_IDEOGRAPHIC = re.compile("[ \u3000]*\u3000[ \u3000]*")
_BLANK_LINES = re.compile("\n{3,}")
_WHITE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """NFC, `\\n` line ends, no invisible characters, plain spaces, lines trimmed, at most one blank line in a row.

    Idempotent. Paragraphs and their order stay; an ideographic space inside a line stays one, at its edge it goes.
    """
    text = _LINE_ENDS.sub("\n", text)
    text = _ZWJ.sub("", _INVISIBLE.sub("", text))
    text = unicodedata.normalize("NFC", text)
    text = _SPACES.sub(" ", _ODD_SPACE.sub(" ", text))
    text = _IDEOGRAPHIC.sub("\u3000", text)
    text = "\n".join(line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", text).strip()


def squeeze(text: str) -> str:
    """The text without any white space: what two copies of an article share however they were laid out."""
    return _WHITE.sub("", text)


def language(text: str) -> str:
    """`zh`, `ja`, `ko` or `en` by the script of the letters, `und` without letters.

    A guess by script alone: Kana above a tenth of Han and Kana means Japanese; any Latin text is called `en`.
    """
    han = kana = hangul = latin = 0
    for char in text:
        if is_han(char):
            han += 1
        elif "\u3040" <= char <= "\u30ff":
            kana += 1
        elif "\uac00" <= char <= "\ud7a3":
            hangul += 1
        elif char.isascii() and char.isalpha():
            latin += 1
    if hangul > han + kana and hangul * 5 > latin:
        return "ko"
    if kana * 10 > han + kana:
        return "ja" if (han + kana) * 5 > latin else "en"
    # A Latin word has about five letters where Chinese has two characters: a fifth of the letters is half of the words.
    if han and han * 5 > latin:
        return "zh"
    return "en" if latin else "und"
