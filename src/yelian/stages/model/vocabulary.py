"""Cutting a BPE vocabulary, on the text of `tokenizer.json` alone.

Byte-pair encoding joins neighbours by rank, and a piece comes about only through its own chain of joins. If a piece is
kept, every piece of its chain is kept, and a join stays if its left side, right side and result do, then a text whose
pieces are all kept is encoded as before: at each step the best join of the whole table is one that is still there,
and no other was added. Any other text falls back to smaller kept pieces and at last to bytes, so it still round-trips.

Two kinds of tokenizer are understood: SentencePiece-like with byte fallback (Gemma) and byte-level (GPT-2, SmolLM2).
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from yelian.core.errors import InputError

SPACE = "▁"  # how SentencePiece writes a space
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_SPARE = re.compile(r"<\|?(unused|reserved|extra_id|dummy)[a-z_-]*\d+\|?>")

CONTROL, BYTE, CHARACTER, CORPUS, GENERAL, CHAIN = "control", "byte", "character", "corpus", "general", "chain"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept: the old id of each new one, in order, and the first reason for each."""

    old_ids: list[int]
    reasons: dict[int, str]

    @property
    def new_ids(self) -> dict[int, int]:
        """Old id to new id."""
        return {old: new for new, old in enumerate(self.old_ids)}


class Vocabulary:
    """A `tokenizer.json`: its pieces, the joins between them, and its added tokens."""

    def __init__(self, tokenizer: dict[str, Any]) -> None:
        self.tokenizer = tokenizer
        model = tokenizer["model"]
        if model["type"] != "BPE":
            raise InputError(
                f"the base model's tokenizer is of type {model['type']}; only BPE vocabularies can be cut",
                fix="set model.trim to null",
            )
        self.ids: dict[str, int] = dict(model["vocab"])
        self.added = {entry["content"]: entry for entry in tokenizer["added_tokens"]}
        self.ids.update((content, entry["id"]) for content, entry in self.added.items())
        self.pieces = {number: piece for piece, number in self.ids.items()}
        self.merges: list[tuple[str, str]] = [_pair(merge) for merge in model["merges"]]
        self._rank = {merge: rank for rank, merge in reversed(list(enumerate(self.merges)))}
        self.byte_level = _mentions(tokenizer, "ByteLevel")
        self._byte_of = {char: byte for byte, char in enumerate(_byte_characters())} if self.byte_level else {}

    def text(self, piece: str) -> str | None:
        """What a piece stands for; None for half a character."""
        if not self.byte_level:
            return piece.replace(SPACE, " ")
        try:
            return bytes(self._byte_of[char] for char in piece).decode()
        except (KeyError, UnicodeDecodeError):
            return None

    def chain(self, piece: str) -> set[str] | None:
        """The pieces that encoding `piece` passes through, itself included; None when it never ends in `piece`."""
        parts = list(piece)
        if any(part not in self.ids for part in parts):
            return None
        seen = set(parts)
        while len(parts) > 1:
            ranked = [(self._rank.get(pair, len(self.merges)), at) for at, pair in enumerate(pairwise(parts))]
            rank, at = min(ranked)
            if rank == len(self.merges):
                return None
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
            seen.add(parts[at])
        return seen

    def choose(self, used: Set[int], general_words: int, named: Set[str]) -> Kept:
        """Choose what to keep: `used` ids of the training texts, that many general words, `named` added tokens.

        Always kept: control tokens but spare slots, bytes, and the single characters of `_common`.
        """
        reasons: dict[int, str] = {}

        def keep(number: int, reason: str) -> None:
            reasons.setdefault(number, reason)

        for content, entry in self.added.items():
            if content in named or not _SPARE.fullmatch(content):
                keep(entry["id"], CONTROL)
        for piece, number in self.ids.items():
            if _BYTE.fullmatch(piece) or (self.byte_level and piece in self._byte_of):
                keep(number, BYTE)
            elif (text := self.text(piece)) is not None and len(text) == 1 and _common(text):
                keep(number, CHARACTER)
        unknown = self.tokenizer["model"].get("unk_token")
        if unknown is not None:
            keep(self.ids[unknown], CONTROL)
        for number in used:
            keep(number, CORPUS)
        for piece in self.general(general_words):
            keep(self.ids[piece], GENERAL)
        for number in list(reasons):
            for part in self.chain(self.pieces[number]) or ():
                keep(self.ids[part], CHAIN)
        return Kept(sorted(reasons), reasons)

    def general(self, most: int) -> list[str]:
        """The first `most` words of the general list: reachable Chinese words, then ASCII words, each by rank.

        A join learnt earlier is a more frequent one, so the rank is a frequency list that ships with every model.
        Chinese comes first because it is short: a multilingual vocabulary of 262 thousand has 8 thousand Chinese
        words, and by rank alone the first 24 thousand words would hold 351 of them.
        """
        first: dict[str, int] = {}
        for rank, (left, right) in enumerate(self.merges):
            first.setdefault(left + right, rank)
        chinese, ascii_words = list[tuple[int, str]](), list[tuple[int, str]]()
        for piece, rank in first.items():
            text = self.text(piece)
            if text is None or piece in self.added:
                continue
            if text.isascii():
                ascii_words.append((rank, piece))
            elif all(_chinese(char) for char in text):
                chinese.append((rank, piece))
        found: list[str] = []
        for _, piece in [*sorted(chinese), *heapq.nsmallest(2 * most, ascii_words)]:
            if len(found) == most:
                break
            if self.chain(piece) is not None:
                found.append(piece)
        return found

    def cut(self, kept: Kept) -> dict[str, Any]:
        """The `tokenizer.json` of the kept pieces, with their new ids."""
        new = kept.new_ids
        stay = {self.pieces[old] for old in kept.old_ids}
        controls = {content for content, entry in self.added.items() if entry["special"]}  # text must not become one
        results = stay - controls
        model = self.tokenizer["model"]
        merges = [
            [left, right] for left, right in self.merges if left in stay and right in stay and left + right in results
        ]
        vocabulary = {piece: new[number] for piece, number in model["vocab"].items() if number in new}
        added = [{**entry, "id": new[entry["id"]]} for entry in self.tokenizer["added_tokens"] if entry["id"] in new]
        return {
            **self.tokenizer,
            "added_tokens": sorted(added, key=lambda entry: int(entry["id"])),
            "post_processor": _renumbered(self.tokenizer.get("post_processor"), new),
            "model": {**model, "vocab": vocabulary, "merges": merges},
        }


def renumber_config(config: Mapping[str, Any], new: Mapping[int, int]) -> dict[str, Any]:
    """The changed settings of a model or generation configuration: every `*_token_id(s)` with its new number.

    A list loses the ids that are gone; a single id that is gone becomes None.
    """
    changed: dict[str, Any] = {}
    for key, value in config.items():
        if not key.endswith(("_token_id", "_token_ids", "suppress_tokens")):
            continue
        if isinstance(value, int):
            changed[key] = new.get(value)
        elif isinstance(value, list):
            changed[key] = [new[each] for each in value if each in new]
    return changed


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _mentions(tokenizer: dict[str, Any], kind: str) -> bool:
    """Whether the pre-tokenizer is, or holds, one of this type."""
    step = tokenizer.get("pre_tokenizer") or {}
    return any(each["type"] == kind for each in [step, *step.get("pretokenizers", [])] if each)


def _byte_characters() -> list[str]:
    """GPT-2's alphabet: the visible Latin-1 characters stand for themselves, other bytes for U+0100 and on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte) if byte in visible else chr(next(spare)) for byte in range(256)]


def _han(char: str) -> bool:
    number = ord(char)
    return 0x3400 <= number <= 0x9FFF or 0xF900 <= number <= 0xFAFF or 0x20000 <= number <= 0x3FFFF


def _chinese(char: str) -> bool:
    """Han, or punctuation and full-width forms as Chinese texts use them."""
    return _han(char) or 0x3000 <= ord(char) <= 0x303F or 0xFF00 <= ord(char) <= 0xFFEF or char in "“”‘’—…·"


def _common(char: str) -> bool:
    """Characters kept in any case: Chinese, kana, Latin, punctuation and symbols, emoji and their joiners."""
    return (
        _chinese(char)
        or ord(char) < 0x250
        or 0x3040 <= ord(char) <= 0x30FF
        or unicodedata.category(char)[0] in "PS"
        or char in "\u200d\ufe0f"
    )


def _renumbered(processor: Any, new: Mapping[int, int]) -> Any:
    """A post-processor with new ids: templates name theirs, BERT-like ones hold (token, id) pairs."""
    if not processor:
        return processor
    changed = dict(processor)
    if "processors" in changed:
        changed["processors"] = [_renumbered(each, new) for each in changed["processors"]]
    if changed["type"] == "TemplateProcessing":
        changed["special_tokens"] = {
            name: {**token, "ids": [new[each] for each in token["ids"]]}
            for name, token in changed["special_tokens"].items()
        }
    for end in ("sep", "cls"):
        if end in changed:
            token, number = changed[end]
            changed[end] = [token, new[number]]
    return changed


def named_tokens(config: Any) -> Iterable[str]:
    """All strings of a tokenizer configuration: whatever added token it names is needed."""
    if isinstance(config, str):
        yield config
    elif isinstance(config, Mapping):
        for value in config.values():
            yield from named_tokens(value)
    elif isinstance(config, list):
        for value in config:
            yield from named_tokens(value)
