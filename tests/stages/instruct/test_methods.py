import pytest

from stages.instruct.articles import PARAGRAPHS, TITLE
from yelian.stages.instruct.methods import METHODS, UnfitError
from yelian.stages.instruct.tasks import list_tasks
from yelian.text.article import split
from yelian.text.normalise import squeeze

TASKS = {task.method: task for task in list_tasks("media")}
TEXT = "\n\n".join(PARAGRAPHS)


def make(method: str, text: str = TEXT, title: str | None = TITLE):
    return METHODS[method](split(text, title), TASKS[method].limits)


def reason(method: str, text: str = TEXT, title: str | None = TITLE) -> str:
    with pytest.raises(UnfitError) as error:
        make(method, text, title)
    return error.value.reason


def test_every_task_of_the_domain_can_be_made_and_fills_its_inputs():
    assert set(TASKS) == set(METHODS)
    for method, task in TASKS.items():
        assert set(make(method).inputs) == set(task.inputs)


@pytest.mark.parametrize("method", ["lead", "shorten", "outline", "continuation"])
def test_answers_are_cut_out_of_the_article_verbatim(method):
    assert make(method).answer in TEXT


def test_the_headline_is_the_answer_and_its_length_rounded_up_is_the_limit():
    pair = make("headline")
    assert (pair.answer, pair.inputs) == (TITLE, {"article": TEXT, "limit": "15"})


def test_the_lead_is_the_answer_and_stands_nowhere_in_the_input():
    pair = make("lead")
    assert pair.answer == PARAGRAPHS[0]
    assert pair.inputs == {"title": TITLE, "body": "\n\n".join(PARAGRAPHS[1:]), "limit": "60"}


def test_key_sentences_are_the_first_and_those_with_most_facts_in_their_order():
    answer = make("key_sentences").answer.split("\n")
    assert answer == [
        PARAGRAPHS[0],
        "去年9月，她联合九户村民写了一份建议，镇里随后组织了三次夜间试航。",
        "据统计，5月1日至5日，夜航船共运行二十班，载客六百七十一人次，其中在栗渚村过夜的约占四成。",
    ]


def test_shortening_keeps_the_paragraphs_from_the_start_that_fit():
    pair = make("shorten")
    assert pair.answer == "\n\n".join(PARAGRAPHS[:2])
    assert len(squeeze(pair.answer)) <= int(pair.inputs["limit"])


def test_the_outline_holds_first_sentences_headings_and_the_facts_of_the_rest():
    text = "\n\n".join((PARAGRAPHS[0], "## 从前的船", *PARAGRAPHS[1:]))
    lines = make("outline", text).inputs["outline"].split("\n")
    assert lines[:3] == [
        f"1. {PARAGRAPHS[0]}",
        "【从前的船】",
        "2. 夜航船曾经是湖边人的公共汽车。（七十一岁；二十岁；2012年）",
    ]
    assert make("outline", text).answer == text


def test_a_continuation_cuts_at_a_paragraph_and_loses_none():
    pair = make("continuation")
    assert pair.inputs["beginning"] == "\n\n".join(PARAGRAPHS[:2])
    assert pair.answer == "\n\n".join(PARAGRAPHS[2:])


def test_the_beginning_never_ends_in_a_heading():
    text = "\n\n".join((*PARAGRAPHS[:2], "## 恢复", *PARAGRAPHS[2:]))
    pair = make("continuation", text)
    assert pair.answer.startswith("## 恢复")


@pytest.mark.parametrize("method", ["headline", "lead", "outline", "continuation"])
def test_without_a_title_nothing_can_be_asked(method):
    assert reason(method, title=None) == "no_title"


@pytest.mark.parametrize(
    ("method", "text", "why"),
    [
        ("headline", PARAGRAPHS[0], "too_short_for_task"),
        ("lead", "## 一节\n" + TEXT, "no_lead"),
        ("lead", "时间：5月1日。\n" + TEXT, "no_lead"),
        ("lead", "- 一项。\n" + TEXT, "no_lead"),
        ("lead", "没有句号的一行\n" + TEXT, "no_lead"),
        ("lead", "太短了。\n" + TEXT, "lead_length"),
        ("lead", PARAGRAPHS[0] + "\n" + PARAGRAPHS[1], "too_few_paragraphs"),
        ("lead", PARAGRAPHS[0] + "\n短。\n短。", "too_short_for_task"),
        ("key_sentences", PARAGRAPHS[1] * 2 + "\n" + PARAGRAPHS[2], "too_few_paragraphs"),
        ("key_sentences", "\n".join(["这一段里没有任何数目也没有任何引文，只是说说话而已。"] * 9), "no_key_facts"),
        ("key_sentences", "\n".join([PARAGRAPHS[0], "没有句号" * 40, "没有句号" * 20]), "too_few_sentences"),
        ("shorten", "\n".join([PARAGRAPHS[0] * 4, *PARAGRAPHS[1:]]), "lead_too_long"),
        ("shorten", "【开场】\n" + TEXT, "no_lead"),
        ("outline", "\n".join(f"- {line}" for line in PARAGRAPHS), "lists_or_tables"),
        ("outline", "\n".join([PARAGRAPHS[0]] * 6), "too_short_for_task"),
        ("continuation", "\n".join(PARAGRAPHS[1:3]), "too_short_for_task"),
    ],
)
def test_an_article_that_does_not_serve_a_task_says_why(method, text, why):
    assert reason(method, text) == why


def test_a_title_of_unusual_length_is_no_headline():
    assert reason("headline", title="短题") == "title_length"
    assert reason("headline", title="长" * 41) == "title_length"
