"""The page: `report.json` as one self-contained HTML file, in the recipe's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from yelian.stages.assay import charts
from yelian.stages.assay.comparisons import ANSWERS, UNITS
from yelian.stages.assay.findings import EXAMPLES_PER_TASK
from yelian.stages.assay.items import ARTICLES
from yelian.text.figures import count, figure, percent, signed

FOLDER = Path(__file__).parent / "page"
OF_THE_MODEL = ("files", "tokens")  # units of ledgers that count no data


def texts(language: str) -> dict[str, Any]:
    """The words of the page; both languages have the same keys."""
    return yaml.safe_load((FOLDER / f"texts.{language}.yaml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def render(report: Mapping[str, Any]) -> str:
    """The page of a report."""
    words = texts(report["language"])
    label = partial(task_label, words, report["tasks"])
    main = report["comparisons"][0]
    level = percent(report["method"]["confidence"])
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "figure": figure,
        "signed": signed,
        "count": count,
        "seconds": partial(seconds, words["seconds"]),
        "task": label,
    }
    return environment.get_template("report.html.j2").render(
        r=report,
        t=words,
        main=main,
        level=level,
        headline=headline(main, level, words),
        charts=_charts(report, words, label),
        units=UNITS,
        per_task=EXAMPLES_PER_TASK,
        priced=any(row.get("money") is not None for row in report["costs"]),
    )


def headline(main: Mapping[str, Any], level: str, words: Mapping[str, Any]) -> str:
    """The verdict in one sentence, with the main figure, its interval and n."""
    unit = main["unit"]
    ends = {end: words["no_interval"] if main[end] is None else signed(main[end], unit) for end in ("low", "high")}
    return str(
        words["verdict"][main["verdict"]].format(
            base=figure(main["base"], unit),
            tuned=figure(main["tuned"], unit),
            difference=signed(main["difference"], unit),
            level=level,
            n=main["n"],
            documents=main["documents"],
            **ends,
        )
    )


def task_label(words: Mapping[str, Any], tasks: Mapping[str, str], task: str) -> str:
    """`标题生成 MU01`, the code of a task without a name, or the name of a group of tasks."""
    if task in (ANSWERS, ARTICLES):
        return str(words["groups"][task])
    return f"{tasks[task]} {task}" if task in tasks else task


def seconds(word: str, value: float) -> str:
    """Seconds; a tenth below one minute."""
    return f"{value:,.1f} {word}" if value < 60 else f"{value:,.0f} {word}"


def _charts(report: Mapping[str, Any], words: Mapping[str, Any], label: Any) -> dict[str, Any]:
    groups = []
    for score in UNITS:
        rows = [
            {**row, "label": label(row["task"]), "significant": row["verdict"] != "not significant"}
            for row in report["comparisons"]
            if row["score"] == score
        ]
        if rows:
            drawn = {
                name: _both(partial(draw, rows), charts.HALF)
                for name, draw in (("levels", charts.levels), ("differences", charts.differences))
            }
            groups.append({"score": score, "better": rows[0]["better"], **drawn})
    ledgers = [
        {
            "label": row["stage"],
            "read": row["read"],
            "kept": row["kept"],
            "dropped": sum(row["dropped"].values()),
            "rejected": sum(row["rejected"].values()),
        }
        for row in report["ledgers"]
        if row["unit"] not in OF_THE_MODEL
    ]
    log = report["training"]["log"]
    step = partial(charts.loss, log, words["charts"]["step"])
    return {
        "groups": groups,
        "funnel": _both(partial(charts.shares, ledgers), charts.WHOLE),
        "training": _both(step, charts.WHOLE) if log else None,
    }


def _both(draw: Any, wide: int) -> dict[str, Markup]:
    return {name: Markup(svg) for name, svg in charts.both(draw, wide).items()}
