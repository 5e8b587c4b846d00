"""Model card and data card: prose from a template, and every figure from an artifact's own file.

A template asks for a figure by artifact, file and place inside it; it can state no figure of its own. What it asked
for is written into `release.json`, so that a program can read each figure again where the card says it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from yelian.engine.stage import Artifact
from yelian.text import figures as written

FOLDER = Path(__file__).parent / "cards"
MANIFEST, REPORT = "manifest.json", "report.json"

FORMS: Mapping[str, Callable[[Any], str]] = {
    "count": written.count,
    "percent": written.percent,
    "total": lambda counts: written.count(sum(counts.values())),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a card: as it is written, and the JSON pointer (RFC 6901) of its value in an artifact's file."""

    text: str
    artifact: str
    file: str
    pointer: str


class Figures:
    """The only way for a card to a figure."""

    def __init__(self, inputs: Mapping[str, Artifact]) -> None:
        self._inputs = inputs
        self.taken: list[Figure] = []

    def manifest(self, stage: str, *place: str | int, form: str = "count") -> str:
        """A figure of a stage's manifest, as text."""
        return self._take(stage, MANIFEST, self._inputs[stage].manifest, place, FORMS[form])

    def report(self, *place: str | int, form: str = "count") -> str:
        """A figure of the assay report."""
        return self._take("assay.report", REPORT, self.twin, place, FORMS[form])

    def level(self, row: int, field: str) -> str:
        """A figure of a comparison, in its unit."""
        unit = self.twin["comparisons"][row]["unit"]
        place = ("comparisons", row, field)
        return self._take("assay.report", REPORT, self.twin, place, lambda value: written.figure(value, unit))

    def change(self, row: int, field: str) -> str:
        """A difference of a comparison, with its sign; an empty interval end as a dash."""
        if self.twin["comparisons"][row][field] is None:
            return "–"
        unit = self.twin["comparisons"][row]["unit"]
        place = ("comparisons", row, field)
        return self._take("assay.report", REPORT, self.twin, place, lambda value: written.signed(value, unit))

    @cached_property
    def twin(self) -> dict[str, Any]:
        """`report.json`."""
        text = (self._inputs["assay.report"].path / REPORT).read_text(encoding="utf-8")
        return json.loads(text)  # type: ignore[no-any-return]

    def _take(self, stage: str, file: str, whole: Any, place: tuple[str | int, ...], form: Callable[[Any], str]) -> str:
        value = whole
        for step in place:
            value = value[step]
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
        taken = Figure(form(value), self._inputs[stage].id, file, pointer)
        if taken not in self.taken:
            self.taken.append(taken)
        return taken.text


def render(card: str, language: str, inputs: Mapping[str, Artifact], **facts: Any) -> tuple[str, list[dict[str, str]]]:
    """A card (`model_card` or `data_card`) as Markdown, and its figures as plain JSON."""
    figures = Figures(inputs)
    environment = Environment(
        loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    text = environment.get_template(f"{card}.{language}.md.j2").render(
        f=figures, r=figures.twin, id={stage: f"[{artifact.id}]" for stage, artifact in inputs.items()}, **facts
    )
    return text.strip() + "\n", [asdict(figure) for figure in figures.taken]


def _cell(text: str) -> str:
    """Text that cannot break out of a Markdown table cell or code span."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
