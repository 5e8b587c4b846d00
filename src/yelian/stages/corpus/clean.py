"""corpus.clean: normalised documents without exact copies, split into a part to learn from and one to measure on.

Two passes over the input. The first only finds out which documents survive, so that in the second every part
depends on its own records and on that set, not on the parts before it: a killed run goes on and ends the same.

The split is a threshold on a hash of the cleaned text and the seed. A document's side depends on nothing else, so it
stays where it is when others come or go, and all copies of an article fall on one side. The share that is held out is
therefore right on average only: of 50 documents at .2, between 5 and 15 nineteen times out of twenty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Self

import pyarrow as pa

from yelian.core import records
from yelian.core.digest import Json, digest
from yelian.core.ledger import Removal
from yelian.core.records import Document
from yelian.engine.stage import Artifact, Job, Stage
from yelian.recipe.schema import Corpus, Recipe
from yelian.text.decode import is_han
from yelian.text.normalise import normalise, squeeze
from yelian.text.simplify import simplify, traditional_share

TRADITIONAL = 0.05  # share of traditional characters from which a text is converted; see traditional_share
TRAIN, HELD_OUT = "train", "held_out"
_HEX = 13  # hex digits of a digest that make a fraction: 52 bits, exact in a float


class Clean(Stage):
    """Normalises, simplifies, drops what is too short or a copy, and splits."""

    NAME: ClassVar[str] = "corpus.clean"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "documents"

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """The stage with the recipe's thresholds."""
        return cls(recipe.corpus)

    def params(self) -> Mapping[str, Json]:
        """The four settings that decide here."""
        corpus = self.corpus
        return {
            "simplify": corpus.simplify,
            "min_chars": corpus.min_chars,
            "held_out": corpus.held_out,
            "split_seed": corpus.split_seed,
        }

    def reads(self) -> tuple[str, ...]:
        """The documents as they were read."""
        return ("corpus.read",)

    def run(self, job: Job) -> None:
        """Find the survivors, then write them batch by batch."""
        source = job.inputs["corpus.read"]
        total = source.count("documents")
        survivors = self._survivors(source)
        done = 0
        for index, batch in enumerate(source.batches("documents")):
            part = f"{index:06d}"
            if not job.has(part):
                self._write(job, part, batch, survivors)
            done += batch.num_rows
            job.progress(done, total, self.UNIT)
        self._report(job, survivors)

    def _survivors(self, source: Artifact) -> dict[bytes, str]:
        """Id of the first document of each text; 16 bytes and an id per distinct text stay in memory."""
        first: dict[bytes, str] = {}
        for document in records.rows(Document, source.batches("documents")):
            text = self._cleaned(document).text
            if len(squeeze(text)) >= self.corpus.min_chars:
                first.setdefault(_key(text), document.id)
        return first

    def _write(self, job: Job, part: str, batch: pa.RecordBatch, survivors: Mapping[bytes, str]) -> None:
        sides: dict[str, list[Document]] = {TRAIN: [], HELD_OUT: []}
        removed: list[Removal] = []
        for raw in records.rows(Document, [batch]):
            document = self._cleaned(raw)
            chars = len(squeeze(document.text))
            if chars < self.corpus.min_chars:
                removed.append(
                    _dropped(raw, "too_short", f"{chars} characters, at least {self.corpus.min_chars} asked")
                )
                continue
            key = _key(document.text)
            if survivors[key] != raw.id:
                removed.append(_dropped(raw, "exact_duplicate", f"the same text as {survivors[key]}"))
                continue
            sides[self._side(key)].append(replace(document, scores=scores(document.text)))
        tables = {side: records.table(Document, documents) for side, documents in sides.items()}
        job.commit(part, read=batch.num_rows, tables=tables, removed=removed)

    def _cleaned(self, document: Document) -> Document:
        text = normalise(document.text)
        title = normalise(document.title).replace("\n", " ") if document.title else None
        tags = document.tags
        if self.corpus.simplify and traditional_share(text) >= TRADITIONAL:
            text = simplify(text)
            title = simplify(title) if title else None
            tags = [*tags, "converted:simplified"]
        return replace(document, text=text, title=title or None, tags=tags)

    def _side(self, key: bytes) -> str:
        return HELD_OUT if fraction(key, self.corpus.split_seed) < self.corpus.held_out else TRAIN

    def _report(self, job: Job, survivors: Mapping[bytes, str]) -> None:
        held_out = sum(1 for key in survivors if self._side(key) == HELD_OUT)
        job.metric("train_documents", len(survivors) - held_out)
        job.metric("held_out_documents", held_out)
        if self.corpus.held_out and not held_out:
            job.note(f"no document is held out of {len(survivors)}: nothing can be measured; raise corpus.held_out")


def fraction(key: bytes, seed: int) -> float:
    """A number in [0, 1) that depends on the text and the seed alone."""
    return float(int(digest([seed, key.hex()])[:_HEX], 16) / 16**_HEX)


def scores(text: str) -> dict[str, float]:
    """What later rules may ask of a text: characters without white space, share of ideographs, paragraphs."""
    visible = squeeze(text)
    paragraphs = sum(1 for line in text.split("\n") if line.strip())
    han = sum(1 for char in visible if is_han(char))
    return {"chars": float(len(visible)), "han_share": han / len(visible), "paragraphs": float(paragraphs)}


def _key(text: str) -> bytes:
    return hashlib.sha256(squeeze(text).encode("utf-8")).digest()[:16]


def _dropped(document: Document, reason: str, detail: str) -> Removal:
    return Removal("dropped", reason, document.source, document.locator, document.id, detail)
