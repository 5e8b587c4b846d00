"""The report's charts as inline SVG: drawn by Altair, turned into SVG by vl-convert, no script.

vl-convert measures text with the fonts it finds, which may hold no Chinese, so nothing here leaves layout to it: the
room for labels is estimated from their characters and the automatic sizing is off. Every chart is drawn twice, for a
desk and for a phone: shrinking one drawing to 350 pixels would shrink its letters to half.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

BASE, TUNED, INK, SOFT, LINE = "#8a939a", "#0f6e63", "#1d2327", "#5b646b", "#dfe3e6"
DROPPED, REJECTED = "#c9cfd3", "#a33a2a"
FONT = "PingFang SC, Hiragino Sans GB, Microsoft YaHei, Noto Sans CJK SC, Source Han Sans SC, sans-serif"
SIZE = 12  # pixels, of every letter
ROW = 26  # pixels between rows
HALF, WHOLE, PHONE = 488, 1016, 340  # pixels: half and all of the page's width, and a phone's

Rows = Sequence[Mapping[str, Any]]


def both(draw: Callable[[int], str], wide: int) -> dict[str, str]:
    """A chart at two widths."""
    return {"wide": draw(wide), "narrow": draw(PHONE)}


def levels(rows: Rows, width: int) -> str:
    """Base and tuned per row: two dots and the way between them. Rows hold `label`, `base` and `tuned`."""
    import altair as alt

    row = _row_axis(rows)
    edges = alt.Scale(zero=False, nice=True, padding=10)
    way = alt.Chart().mark_rule(color=LINE, strokeWidth=2).encode(x=_x("base", edges), x2="tuned:Q", y=row)
    base = alt.Chart().mark_point(filled=True, opacity=1, size=64, color=BASE).encode(x=_x("base", edges), y=row)
    tuned = alt.Chart().mark_point(filled=True, opacity=1, size=84, color=TUNED).encode(x=_x("tuned", edges), y=row)
    return _svg(alt.layer(way, base, tuned, data=_data(rows)), rows, width)


def differences(rows: Rows, width: int) -> str:
    """Forest plot: difference, its interval and the line of no difference. Rows with `low` None get no interval."""
    import altair as alt

    row, edges = _row_axis(rows), alt.Scale(zero=True, nice=True, padding=10)
    marked = [{**each, "fill": TUNED if each["significant"] else "#ffffff", "zero": 0} for each in rows]
    zero = alt.Chart().mark_rule(color=INK, strokeWidth=1).encode(x=_x("zero", edges))
    span = alt.Chart().mark_rule(color=TUNED, strokeWidth=2).encode(x=_x("low", edges), x2="high:Q", y=row)
    dot = alt.Chart().mark_point(filled=True, opacity=1, size=72, stroke=TUNED, strokeWidth=1.6)
    dot = dot.encode(x=_x("difference", edges), y=row, fill=alt.Fill("fill:N", scale=None))
    return _svg(alt.layer(zero, span, dot, data=_data(marked)), rows, width)


def loss(log: Rows, title: str, width: int) -> str:
    """Training loss by step, thin, and the mean of the five steps around each, thick."""
    import altair as alt

    values = [each["loss"] for each in log]
    rows = [
        {"step": each["step"], "loss": each["loss"], "mean": sum(near) / len(near)}
        for index, each in enumerate(log)
        for near in [values[max(0, index - 2) : index + 3]]
    ]
    steps = [each["step"] for each in log]
    x = alt.X("step:Q", title=title, axis=alt.Axis(values=steps[:: -(-len(steps) // 8)], format="d", grid=False))
    y = alt.Scale(zero=False, nice=True)
    thin = alt.Chart().mark_line(color=BASE, strokeWidth=1, opacity=0.8).encode(x=x, y=_y("loss", y))
    thick = alt.Chart().mark_line(color=TUNED, strokeWidth=2.4).encode(x=x, y=_y("mean", y))
    chart = alt.layer(thin, thick, data=_data(rows))
    return _finish(chart, {"left": 40, "right": 14, "top": 8, "bottom": 44}, width, 220)


def shares(rows: Rows, width: int) -> str:
    """What every step kept, dropped and rejected, as shares of what it read. Rows hold `label` and the counts."""
    import altair as alt

    parts = [("kept", TUNED), ("dropped", DROPPED), ("rejected", REJECTED)]
    bars = [
        {"label": each["label"], "start": sum(counts[:index]) / each["read"], "color": color}
        | {"end": sum(counts[: index + 1]) / each["read"]}
        for each in rows
        if each["read"]
        for counts in [[each[name] for name, _ in parts]]
        for index, (_, color) in enumerate(parts)
        if counts[index]
    ]
    axis = alt.Axis(format="%", values=[0, 0.5, 1], grid=False)
    x = alt.X("start:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=axis)
    bar = alt.Chart(_data(bars)).mark_bar(height=12)
    bar = bar.encode(x=x, x2="end:Q", y=_row_axis(rows), color=alt.Color("color:N", scale=None, legend=None))
    return _svg(bar, rows, width)


def text_width(text: str) -> float:
    """Pixels that a label takes: a full em per wide character, six tenths per other one."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return SIZE * (wide + 0.6 * (len(text) - wide))


def _x(field: str, scale: Any) -> Any:
    import altair as alt

    return alt.X(f"{field}:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5))


def _y(field: str, scale: Any) -> Any:
    import altair as alt

    return alt.Y(f"{field}:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5, grid=True))


def _row_axis(rows: Rows) -> Any:
    import altair as alt

    order = [each["label"] for each in rows]
    return alt.Y("label:N", title=None, sort=order, scale=alt.Scale(domain=order), axis=alt.Axis(labelOverlap=False))


def _data(rows: Rows) -> Any:
    import altair as alt

    return alt.InlineData(values=[dict(row) for row in rows])


def _svg(chart: Any, rows: Rows, width: int) -> str:
    room = {"left": round(max(text_width(each["label"]) for each in rows)) + 16, "right": 20, "top": 6, "bottom": 26}
    return _finish(chart, room, width, ROW * len(rows))


def _finish(chart: Any, room: dict[str, int], width: int, height: int) -> str:
    """The SVG at a total width, with `room` around the data."""
    inner = chart.properties(
        width=width - room["left"] - room["right"], height=height, padding=room, autosize="none", background="#ffffff"
    )
    axis = {
        "labelFontSize": SIZE, "titleFontSize": SIZE, "labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": 400,
        "labelLimit": 0, "labelPadding": 6, "domain": False, "ticks": False, "gridColor": LINE, "gridOpacity": 0.7,
    }  # fmt: skip
    out = io.StringIO()
    inner.configure(font=FONT, axis=axis).configure_axisY(labelColor=INK, grid=False).configure_view(stroke=None).save(
        out, format="svg"
    )
    return out.getvalue()
