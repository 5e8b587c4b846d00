import json
import re
import string

import pytest

from stages.assay.finished_run import reported, small_recipe, without_charts
from yelian.stages.assay.page import headline, render, texts

MAIN = {
    "unit": "bits/char", "base": 4.2, "tuned": 4.1, "difference": -0.1, "low": -0.3, "high": 0.1,
    "n": 12, "documents": 7, "verdict": "not significant",
}  # fmt: skip


def leaves(value, path=""):
    if isinstance(value, dict):
        return {leaf: text for key, each in value.items() for leaf, text in leaves(each, f"{path}/{key}").items()}
    return {path: value}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        made = reported(root, small_recipe(root), patch)["assay.report"]
    return json.loads((made.path / "report.json").read_text(encoding="utf-8"))


def test_both_languages_have_the_same_texts_with_the_same_gaps():
    chinese, english = leaves(texts("zh")), leaves(texts("en"))
    assert chinese.keys() == english.keys()
    gaps = {
        path: [
            sorted({name for _, name, _, _ in string.Formatter().parse(text) if name}) for text in (text, english[path])
        ]
        for path, text in chinese.items()
    }
    assert {path: pair for path, pair in gaps.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_headline_says_the_figure_its_interval_and_n(language):
    words = texts(language)
    said = headline(MAIN, "95%", words)
    for figure in ("4.200", "4.100", "−0.100", "−0.300", "+0.100", "95%", "12", "7"):
        assert figure in said
    assert said.startswith({"zh": "看不出显著差别", "en": "No significant difference"}[language])
    worse = headline({**MAIN, "verdict": "worse"}, "95%", words)
    assert worse.startswith({"zh": "微调后的模型不如底座", "en": "The tuned model is worse"}[language])


def test_a_headline_without_an_interval_says_so():
    assert "无区间" in headline({**MAIN, "low": None, "high": None}, "95%", texts("zh"))


def test_the_page_needs_nothing_from_outside_and_runs_no_script(report):
    page = render(report)
    assert "<script" not in page
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", page)
    assert set(addresses) == {"data:,"}
    assert page.count("<svg") == 2 * (5 * 2 + 2)  # at two widths: five groups of two charts, data, training


def test_the_page_shows_every_comparison_example_and_artifact(report, monkeypatch):
    without_charts(monkeypatch)
    page = render(report)
    for each in report["examples"] + report["artifacts"]:
        assert each["id"] in page
    for command in report["commands"]:
        assert f"<code>{command['command']}</code>" in page
    assert page.count("更好") >= len(report["comparisons"])
    assert "标题生成 MU01" in page


def test_what_a_model_writes_cannot_become_markup(report, monkeypatch):
    without_charts(monkeypatch)
    bad = {**report["examples"][0], "prompt": "<img src=x onerror=alert(1)>"}
    bad["tuned"] = {**bad["tuned"], "answer": "<script>alert(1)</script>"}
    page = render({**report, "examples": [bad]})
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_row_without_interval_and_a_run_without_log_still_make_a_page(report, monkeypatch):
    without_charts(monkeypatch)
    rows = [{**each, "low": None, "high": None, "verdict": "not significant"} for each in report["comparisons"]]
    page = render({**report, "comparisons": rows, "training": {**report["training"], "log": []}})
    assert page.count("无区间") > len(rows)


def test_money_is_shown_where_the_machine_has_a_price(report, monkeypatch):
    without_charts(monkeypatch)
    costs = [{**each, "money": 1.25, "currency": "CNY"} for each in report["costs"]]
    assert "1.25 CNY" in render({**report, "costs": costs})
    assert "CNY" not in render(report)


def test_the_english_page_is_english(report, monkeypatch):
    without_charts(monkeypatch)
    page = render({**report, "language": "en"})
    assert '<html lang="en">' in page
    assert "All comparisons" in page
    assert "全部比较" not in page
