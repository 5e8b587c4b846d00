from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from stages.instruct.articles import PARAGRAPHS, TITLE, document
from support import recipe, run_stage
from yelian.core import files, records
from yelian.core.errors import RecipeError
from yelian.core.records import Conversation, Document
from yelian.engine.stage import Artifact
from yelian.recipe.schema import Instruct
from yelian.stages.instruct.build import Build, conversation, shortened
from yelian.stages.instruct.methods import UnfitError
from yelian.stages.instruct.tasks import list_tasks
from yelian.text.article import split
from yelian.text.normalise import squeeze

ALL = ("MU01", "MU02", "MU03", "RW07", "RW08", "OP41")
TASKS = {task.id: task for task in list_tasks("media")}
INSTRUCT = Instruct(tasks=ALL)


@pytest.fixture
def build(tmp_path):
    def run(train, held_out=(), folder="build", **instruct) -> Artifact:
        source = tmp_path / f"{folder}-clean"
        for side, found in (("train", train), ("held_out", held_out)):
            files.write_table(source / side / "000000.parquet", records.table(Document, found))
        wanted = recipe(tmp_path, instruct={"tasks": ALL, **instruct})
        return run_stage(Build.from_recipe(wanted), tmp_path / folder, {"corpus.clean": Artifact("x", source, {})})

    return run


def conversations(artifact, side="train") -> list[Conversation]:
    return list(records.rows(Conversation, artifact.batches(side)))


def removals(artifact) -> list[dict]:
    return [row for part in sorted((artifact.path / "removed").iterdir()) for row in pq.read_table(part).to_pylist()]


def other(index: int) -> Document:
    text = "\n\n".join((f"第{index}次试航于傍晚开始。" + PARAGRAPHS[0], *PARAGRAPHS[1:]))
    return replace(document(text), id=f"doc-{index}")


def test_a_sound_article_gives_a_conversation_per_task(build):
    found = conversations(build([document()]))
    assert [item.task for item in found] == list(ALL)
    for item in found:
        assert [message["role"] for message in item.messages] == ["user", "assistant"]
        assert item.document_ids == [document().id]
        assert item.origin == "back-construction"
        assert item.id == records.conversation_id(item.messages, item.task, item.document_ids)


def test_the_generator_names_the_phrasing_that_was_used():
    made = conversation(document(), TASKS["MU01"], INSTRUCT)
    origin, _, rest = made.generator.partition(":")
    task, _, number = rest.partition("/")
    phrasing = TASKS[task].prompts[int(number) - 1]
    assert (origin, task) == ("back-construction", "MU01")
    assert made.messages[0]["content"] == phrasing.strip().format(article=document().text, limit=15)


def test_answers_are_verbatim_and_prompts_do_not_hold_them():
    for name in ALL:
        made = conversation(document(), TASKS[name], INSTRUCT)
        prompt, answer = (message["content"] for message in made.messages)
        for line in answer.split("\n"):
            assert line in (TITLE, *document().text.split("\n")) or line in document().text
        assert (squeeze(answer) in squeeze(prompt)) is (name == "RW07")


def test_the_phrasing_hangs_on_the_document_and_the_seed_alone(build):
    documents = [other(index) for index in range(30)]
    first = [item.generator for item in conversations(build(documents, folder="a"))]
    again = [item.generator for item in conversations(build(documents[::-1], folder="b"))]
    seeded = [item.generator for item in conversations(build(documents, folder="c", seed=1))]
    assert sorted(first) == sorted(again)
    assert first != seeded
    assert len({generator for generator in first if "MU01" in generator}) == len(TASKS["MU01"].prompts)


def test_every_pair_is_counted_and_each_side_stays_apart(build):
    artifact = build([document(), document(text=PARAGRAPHS[0])], [document(title=None)])
    assert artifact.ledger.as_json() == {
        "unit": "candidates", "read": 18, "kept": 8,
        "dropped": {"no_title": 4, "too_few_paragraphs": 1, "too_short_for_task": 5}, "rejected": {},
    }  # fmt: skip
    assert [item.task for item in conversations(artifact, "held_out")] == ["MU03", "RW07"]
    gone = removals(artifact)
    assert {row["source"] for row in gone} == {"docs/a.md"}
    assert all(row["record_id"] and row["detail"][:4] in ALL for row in gone)


def test_a_headline_that_the_article_repeats_is_not_asked_for():
    text = "\n\n".join((*PARAGRAPHS, f"（原题：{TITLE}）"))
    with pytest.raises(UnfitError) as error:
        conversation(document(text), TASKS["MU01"], INSTRUCT)
    assert error.value.reason == "answer_in_prompt"


def test_text_of_another_language_is_not_asked_about_in_chinese():
    with pytest.raises(UnfitError) as error:
        conversation(document(language="en"), TASKS["MU01"], INSTRUCT)
    assert error.value.reason == "other_language"


def test_long_documents_are_cut_at_a_paragraph_end():
    article = split("\n\n".join((*PARAGRAPHS[:2], "## 恢复", *PARAGRAPHS[2:])), TITLE)
    size = len(squeeze("".join(PARAGRAPHS[:2])))
    assert [block.text for block in shortened(article, size + 10).blocks] == list(PARAGRAPHS[:2])
    assert shortened(article, 5_000) is article
    with pytest.raises(UnfitError) as error:
        shortened(article, 10)
    assert error.value.reason == "first_paragraph_too_long"


def test_braces_in_an_article_are_only_text():
    text = "\n\n".join((*PARAGRAPHS, "程序里写着{article}和{0}，并没有替换掉。"))
    made = conversation(document(text), TASKS["MU01"], INSTRUCT)
    assert "{article}和{0}" in made.messages[0]["content"]


def test_an_unknown_task_names_its_setting_and_the_nearest(tmp_path):
    with pytest.raises(RecipeError, match="'MU1'") as error:
        Build.from_recipe(recipe(tmp_path, instruct={"tasks": ("MU02", "MU1")})).check()
    assert error.value.key == ("instruct", "tasks", 1)
    assert "MU01" in error.value.fix


def test_a_task_named_twice_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="twice") as error:
        Build.from_recipe(recipe(tmp_path, instruct={"tasks": ("MU01", "MU01")})).check()
    assert error.value.key == ("instruct", "tasks", 1)


def test_parameters_change_with_the_tasks_their_order_and_the_settings(tmp_path):
    def params(**instruct):
        return str(Build.from_recipe(recipe(tmp_path, instruct=instruct)).params())

    base = params(tasks=("MU01", "MU02"))
    assert base == params(tasks=("MU01", "MU02"))
    assert (
        len({base, params(tasks=("MU02", "MU01")), params(tasks=("MU01",)), params(tasks=("MU01", "MU02"), seed=1)})
        == 4
    )
