"""corpus.read: from files of any kind to documents, and a reason for each file or line that gives none."""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from yelian.core import records
from yelian.core.digest import Json
from yelian.core.errors import RecipeError
from yelian.core.ledger import Removal
from yelian.core.nearest import did_you_mean
from yelian.core.records import Document
from yelian.engine.stage import Job, Stage
from yelian.recipe.schema import Corpus, Recipe
from yelian.stages.corpus import readers
from yelian.stages.corpus.notices import iso_date
from yelian.stages.corpus.readers import Reading, UnreadableError
from yelian.stages.corpus.scan import JSONL, Found, scan, source_name
from yelian.text.article import title_line
from yelian.text.decode import HEAD, DecodeError, decode
from yelian.text.normalise import language, squeeze

MB = 2**20
PART_FILES = 200  # a part is at most so many files, ...
PART_BYTES = 16 * MB  # ... and files or lines of at most so many bytes in all, unless one alone is larger
PART_LINES = 2_000
TEXT_FIELDS = ("text", "content", "body")
DATE_FIELDS = ("date", "published_at")
LICENCE_FIELDS = ("licence", "license")
_HALF_PAIR = re.compile("[\ud800-\udfff]")  # JSON may hold one as an escape

# A byte order mark and a brace: a mark alone may also open one line of garbage.
_WIDE_JSON = (codecs.BOM_UTF16_LE + b"{\0", codecs.BOM_UTF16_BE + b"\0{")

Line = tuple[int, bytes]  # its number, from 1, and its bytes


@dataclass(frozen=True, slots=True)
class Lines:
    """A block of lines of one JSONL file."""

    file: Found
    lines: Sequence[Line]


class Read(Stage):
    """Reads every file of every source, in order; one broken file or line never costs its neighbours.

    A part is a batch of files or a block of lines, cut by count and bytes alone: memory does not grow with the
    corpus, and the parts are the same however often the work was interrupted.
    """

    NAME: ClassVar[str] = "corpus.read"
    VERSION: ClassVar[int] = 1
    UNIT: ClassVar[str] = "documents"

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        self.corpus = corpus
        self.folder = folder

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Self:
        """The stage for the recipe's sources; their paths count from the recipe's folder."""
        return cls(recipe.corpus, recipe.folder)

    def params(self) -> Mapping[str, Json]:
        """Sources by name, the limit, and what is not read at all; the files' contents are in `outside`."""
        unread = {item.source: item.detail for item in self._scanned if isinstance(item, Removal)}
        sources = [
            {"name": source_name(source, self.folder), "licence": source.licence} for source in self.corpus.sources
        ]
        return {"sources": sources, "max_file_mb": self.corpus.max_file_mb, "unread": unread}

    def reads(self) -> tuple[str, ...]:
        """Nothing: this is the first stage."""
        return ()

    def outside(self) -> Mapping[str, Path]:
        """Every file that will be read, by its URI."""
        return {item.uri: item.path for item in self._scanned if isinstance(item, Found)}

    def check(self) -> None:
        """RecipeError for a path that does not exist, a source without files, and two sources of one name."""
        seen: dict[str, int] = {}
        for index, source in enumerate(self.corpus.sources):
            key = ("corpus", "sources", index)
            path = self.folder / source.path
            if not path.exists():
                raise RecipeError(
                    f"corpus.sources: {source.path!r} does not exist in {self.folder}",
                    fix=did_you_mean(path.name, _siblings(path)),
                    key=(*key, "path"),
                )
            if path.is_dir() and next(scan(source, self.folder, self._max_bytes), None) is None:
                raise RecipeError(
                    f"corpus.sources: the folder {source.path!r} holds no files",
                    fix="put documents into it, or remove the source; hidden files are not read",
                    key=(*key, "path"),
                )
            name = source_name(source, self.folder)
            if name in seen:
                raise RecipeError(
                    f"corpus.sources: sources {seen[name] + 1} and {index + 1} are both named {name!r}",
                    fix="give one of them another `name`: documents are known by it",
                    key=(*key, "name" if source.name else "path"),
                )
            seen[name] = index

    def run(self, job: Job) -> None:
        """Read part by part; parts that an earlier run committed are passed over."""
        total = len(self._scanned)
        done = 0
        for index, unit in enumerate(_parts(self._scanned)):
            part = f"{index:06d}"
            if not job.has(part):
                documents: list[Document] = []
                removed: list[Removal] = []
                for outcome in _line_outcomes(unit) if isinstance(unit, Lines) else map(self._outcome, unit):
                    (removed if isinstance(outcome, Removal) else documents).append(outcome)  # type: ignore[arg-type]
                job.commit(
                    part,
                    read=len(documents) + len(removed),
                    tables={"documents": records.table(Document, documents)},
                    removed=removed,
                )
            done += 0 if isinstance(unit, Lines) else len(unit)
            job.progress(done, total, "files")

    @functools.cached_property
    def _scanned(self) -> list[Found | Removal]:
        """All files, looked at once, so that parameters, plan and work agree on them."""
        return [item for source in self.corpus.sources for item in scan(source, self.folder, self._max_bytes)]

    @property
    def _max_bytes(self) -> float:
        return self.corpus.max_file_mb * MB

    def _outcome(self, item: Found | Removal) -> Document | Removal:
        if isinstance(item, Removal):
            return item
        try:
            reading = readers.read(item.suffix, _bytes(item), int(self._max_bytes))
            return _document(item, "", reading, [f"format:{item.suffix[1:]}"])
        except OSError as error:
            return Removal("rejected", "unreadable", item.uri, detail=error.strerror or str(error))
        except UnreadableError as error:
            return Removal("rejected", error.reason, item.uri, detail=error.detail)


def _bytes(file: Found) -> bytes:
    """All of a file, unless its head shows that the rest is not worth reading."""
    with file.path.open("rb") as handle:
        head = handle.read(HEAD)
        if head:
            readers.check_head(file.suffix, head)
        return head + handle.read()


def _parts(items: Sequence[Found | Removal]) -> Iterator[Sequence[Found | Removal] | Lines]:
    """Batches of files, and blocks of lines of each JSONL; a JSONL that cannot be opened is a batch of its own."""
    batch: list[Found | Removal] = []
    size = 0.0
    for item in items:
        if isinstance(item, Found) and item.suffix in JSONL:
            if batch:
                yield batch
                batch, size = [], 0.0
            yield from _line_parts(item)
            continue
        weight = item.size if isinstance(item, Found) else 0
        if batch and (len(batch) == PART_FILES or size + weight > PART_BYTES):
            yield batch
            batch, size = [], 0.0
        batch.append(item)
        size += weight
    if batch:
        yield batch


def _line_parts(file: Found) -> Iterator[Sequence[Found | Removal] | Lines]:
    block: list[Line] = []
    size = count = 0
    broken: Removal | None = None
    try:
        with file.path.open("rb") as handle:
            readers.check_head(file.suffix, handle.read(HEAD))
        for number, line in _lines(file.path):
            if block and (len(block) == PART_LINES or size + len(line) > PART_BYTES):
                yield Lines(file, block)
                block, size = [], 0
            block.append((number, line))
            size += len(line)
            count += 1
    except OSError as error:
        broken = Removal("rejected", "unreadable", file.uri, detail=error.strerror or str(error))
    except UnicodeDecodeError as error:
        broken = Removal("rejected", "undecodable", file.uri, f"after {count} lines", detail=str(error))
    except UnreadableError as error:
        broken = Removal("rejected", error.reason, file.uri, detail=error.detail)
    if block:
        yield Lines(file, block)
    if broken:
        yield [broken]
    elif not count:
        yield [Removal("rejected", "empty", file.uri, detail="no line with anything on it")]


def _lines(path: Path) -> Iterator[Line]:
    """Lines that are not blank. UTF-16 is decoded first, since its newlines are two bytes."""
    with path.open("rb") as file:
        is_wide = file.read(4) in _WIDE_JSON
    if is_wide:
        with path.open(encoding="utf-16", newline="\n") as text:
            yield from ((number, line.encode("utf-8")) for number, line in enumerate(text, 1) if line.strip())
        return
    with path.open("rb") as file:
        yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _line_outcomes(block: Lines) -> Iterator[Document | Removal]:
    for number, line in block.lines:
        locator = f"line {number}"
        try:
            reading, tags = _json_reading(line)
            yield _document(block.file, locator, reading, [f"format:{block.file.suffix[1:]}", *tags])
        except UnreadableError as error:
            yield Removal("rejected", error.reason, block.file.uri, locator, detail=error.detail)


def _json_reading(line: bytes) -> tuple[Reading, list[str]]:
    try:
        decoded = decode(line.strip())
        value = json.loads(decoded.text)
    except DecodeError as error:
        raise UnreadableError(error.reason, error.detail) from error
    except RecursionError as error:
        raise UnreadableError("bad_json", "nested too deeply") from error
    except ValueError as error:  # JSONDecodeError, and integers of more than 4,300 digits
        raise UnreadableError("bad_json", str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableError("not_an_object", f"a JSON {type(value).__name__}, not an object")
    text = _first(value, TEXT_FIELDS)
    if not text:
        raise UnreadableError("no_text", f"none of {', '.join(TEXT_FIELDS)} holds text")
    title = _first(value, ("title",)) or title_line(text)
    reading = Reading(
        readers.without_title(text, title),
        title,
        published_at=iso_date(_first(value, DATE_FIELDS) or ""),
        author=_first(value, ("author",)),
        publisher=_first(value, ("source",)),
        licence=_first(value, LICENCE_FIELDS),
        encoding=decoded.encoding,
    )
    own_id = value.get("id")
    return reading, [f"id:{own_id}"] if isinstance(own_id, str | int) else []


def _first(value: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of the fields that is a text with something in it."""
    return next(
        (value[name].strip() for name in names if isinstance(value.get(name), str) and value[name].strip()), None
    )


def _document(file: Found, locator: str, reading: Reading, tags: list[str]) -> Document:
    """The record of one reading. UnreadableError where there is no text, or none that can be stored."""
    if not squeeze(reading.text):
        raise UnreadableError("empty", "no text besides the title")
    named = (("encoding", reading.encoding), ("author", reading.author), ("publisher", reading.publisher))
    texts = (reading.text, reading.title, reading.licence, *tags, *(value for _, value in named))
    if any(_HALF_PAIR.search(text) for text in texts if text):
        raise UnreadableError("garbled", "half a surrogate pair, which no encoding can hold")
    return Document(
        id=records.document_id(file.uri, locator, reading.text),
        text=reading.text,
        source=file.uri,
        locator=locator,
        language=language(reading.text),
        title=reading.title,
        published_at=reading.published_at,
        licence=reading.licence or file.source.licence,
        tags=[*tags, *(f"{name}:{value}" for name, value in named if value)],
        scores={},
    )


def _siblings(path: Path) -> list[str]:
    """Names beside a path that does not exist."""
    parent = path.parent
    return sorted(entry.name for entry in parent.iterdir()) if parent.is_dir() else []
