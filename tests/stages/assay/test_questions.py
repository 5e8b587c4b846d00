import re

import pytest

from support import recipe
from yelian.core.errors import RecipeError
from yelian.stages.assay.questions import question_file, read_questions

GOOD = """\
questions:
  - id: one
    task: MU01
    messages:
      - {role: user, content: 请写标题。}
"""


def wanted(tmp_path, name):
    return recipe(tmp_path, assay={"questions": name})


def test_the_shipped_set_holds_ten_questions_with_fixed_ids(tmp_path):
    questions = read_questions(question_file(wanted(tmp_path, "quickstart")))
    assert len(questions) == 10
    assert len({each.id for each in questions}) == 10
    assert all(each.messages[-1]["role"] == "user" for each in questions)
    assert questions[0].id == "question-4fae5add4975663b87b4"


def test_articles_in_the_shipped_set_are_short(tmp_path):
    questions = read_questions(question_file(wanted(tmp_path, "quickstart")))
    assert max(len(each.messages[-1]["content"]) for each in questions) <= 330


def test_an_unknown_set_names_the_setting_and_the_nearest_set(tmp_path):
    with pytest.raises(RecipeError) as caught:
        question_file(wanted(tmp_path, "quikstart"))
    assert caught.value.key == ("assay", "questions")
    assert "'quickstart'" in caught.value.fix


def test_a_yaml_path_is_relative_to_the_recipe_and_a_missing_one_names_its_neighbour(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    assert read_questions(question_file(wanted(tmp_path, "mine.yaml")))[0].name == "one"
    with pytest.raises(RecipeError) as caught:
        question_file(wanted(tmp_path, "mein.yaml"))
    assert "'mine.yaml'" in caught.value.fix


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task: MU01", "tsk: MU01", "3: unknown key 'tsk'"),
        ("    task: MU01\n", "", "2: 'task' is missing"),
        ("role: user", "role: assistant", "5: role 'assistant' stands where 'user' must"),
        ("请写标题。", "''", "5: this must be a text that is not empty"),
        ("请写标题。", "12", "5: this must be a text that is not empty"),
        (
            "      - {role: user, content: 请写标题。}\n",
            "      - {role: user, content: a}\n      - {role: assistant, content: b}\n",
            "6: the last message must be the user's",
        ),
        ("- id: one", "- id: [one]", "2: this must be a text"),
        ("    messages:\n      - {role: user, content: 请写标题。}", "    messages: []", "4: this must be a list"),
        (GOOD, GOOD + GOOD.split("\n", 1)[1], "6: the id 'one' is given twice"),
        (GOOD, "questions: [", "1: not valid YAML"),
        (GOOD, "", " is empty"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, message):
    path = tmp_path / "set.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        read_questions(path)
    assert caught.value.key == ("assay", "questions")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "set.yaml"
    path.write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_questions(path)
