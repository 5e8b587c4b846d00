import pyarrow.parquet as pq
import pytest

from stages.assay.finished_run import ScriptedModel, conversations, documents, measured, run, small_recipe, trained
from yelian.core.errors import RecipeError
from yelian.engine.job import FolderJob
from yelian.recipe.schema import Run
from yelian.stages.assay import items
from yelian.stages.assay.measure import PART_ITEMS, MeasureBase, MeasureTuned

ASSAY = {"questions": "quickstart", "answer_tasks": ("MU01", "MU02")}


@pytest.fixture
def loads(monkeypatch):
    """The adapters (or None) of all models that were loaded."""
    made = []

    def load(base, adapter, device, threads):
        made.append(adapter)
        return ScriptedModel(adapter is not None)

    monkeypatch.setattr("yelian.llm.local.LocalModel.load", load)
    return made


def test_the_base_is_measured_without_the_tuned_model(tmp_path):
    wanted = small_recipe(tmp_path)
    assert MeasureBase(wanted).reads() == ("corpus.clean", "instruct.build", "model.base")
    assert MeasureTuned(wanted).reads() == ("corpus.clean", "instruct.build", "model.base", "model.tune")


def test_both_arms_have_the_trimmed_vocabulary_where_the_recipe_trims(tmp_path):
    wanted = small_recipe(tmp_path, model={"base": "tiny", "trim": {}})
    assert MeasureBase(wanted).reads()[2] == MeasureTuned(wanted).reads()[2] == "model.trim"


def test_every_item_is_measured_with_its_own_figures(tmp_path, monkeypatch):
    made = measured(tmp_path, small_recipe(tmp_path), monkeypatch)
    measurements = list(items.read(made["assay.tuned"]))
    # 8 held-out documents: 16 conversations, 8 articles, 16 written answers, 10 questions
    kinds = [each.kind for each in measurements]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "answer_likelihood": 16,
        "article_likelihood": 8,
        "question": 10,
        "written_answer": 16,
    }
    talk = next(each for each in conversations(documents()[4:]) if each.task == "MU01")
    answer = next(each for each in measurements if each.id == talk.id and each.kind == "answer_likelihood")
    assert answer.characters == len(talk.messages[1]["content"])
    assert answer.document_ids == talk.document_ids
    written = next(each for each in measurements if each.id == talk.id and each.kind == "written_answer")
    assert written.reference == talk.messages[1]["content"]
    assert written.prompt == talk.messages[0]["content"]
    assert set(written.scores) == {"chrf", "key_fact_coverage", "length_fit"}
    article = next(each for each in measurements if each.kind == "article_likelihood")
    assert article.document_ids == [article.id]


def test_items_beyond_the_limit_are_dropped_as_over_limit_and_the_choice_follows_the_ids(tmp_path, monkeypatch):
    wanted = small_recipe(tmp_path, assay={**ASSAY, "items_per_task": 3})
    made = measured(tmp_path, wanted, monkeypatch)["assay.base"]
    chosen = [each.id for each in items.read(made) if each.kind == "answer_likelihood" and each.task == "MU01"]
    every = sorted(each.id for each in conversations(documents()[4:]) if each.task == "MU01")
    assert chosen == every[:3]
    # 2 tasks x (8 - 3) conversations and 8 - 3 articles; 2 x 3 answers, 3 articles, 2 x 3 written, 10 questions stay
    assert made.ledger.as_json() == {
        "unit": "items", "read": 40, "kept": 25, "dropped": {"over_limit": 15}, "rejected": {},
    }  # fmt: skip


def test_only_the_tuned_arm_gets_the_adapter(tmp_path, loads):
    inputs, wanted = trained(tmp_path), small_recipe(tmp_path)
    run(MeasureBase(wanted), tmp_path, inputs)
    run(MeasureTuned(wanted), tmp_path, inputs)
    assert loads == [None, inputs["model.tune"].path / "adapter"]


def test_a_killed_run_measures_only_the_parts_that_are_missing(tmp_path, loads):
    inputs, stage = trained(tmp_path), MeasureBase(small_recipe(tmp_path))
    job = FolderJob(stage.NAME, stage.UNIT, tmp_path / "half", {each: inputs[each] for each in stage.reads()}, Run())
    stage.run(job)
    whole = [path.name for path in sorted((tmp_path / "half" / "items").glob("*"))]
    assert [name for name in whole if name.startswith("answers")] == ["answers-00000.parquet"]
    (tmp_path / "half" / ".parts" / "questions-00000.json").unlink()
    before = pq.read_table(tmp_path / "half" / "items" / "questions-00000.parquet")
    stage.run(job)
    assert pq.read_table(tmp_path / "half" / "items" / "questions-00000.parquet") == before
    assert job.ledger().read == 50
    assert len(loads) == 2
    stage.run(job)
    assert len(loads) == 2  # nothing is missing: no model is loaded


def test_parts_hold_at_most_sixteen_items(tmp_path, loads):
    inputs, stage = trained(tmp_path), MeasureBase(small_recipe(tmp_path, assay={**ASSAY, "items_per_task": 100}))
    made = run(stage, tmp_path, inputs)
    assert max(pq.read_metadata(path).num_rows for path in (made.path / "items").glob("*")) <= PART_ITEMS == 16


def test_a_text_of_which_no_token_was_scored_is_dropped(tmp_path, monkeypatch):
    class Blind(ScriptedModel):
        def _nats(self, text):
            return super()._nats(text if "52名" not in text and "51名" not in text else "")

    monkeypatch.setattr("yelian.llm.local.LocalModel.load", lambda *args, **kwargs: Blind(False))
    made = run(MeasureBase(small_recipe(tmp_path)), tmp_path, trained(tmp_path))
    assert made.ledger.dropped == {"no_scored_tokens": 3}  # document 51: its headline, its lead and itself


def test_a_task_to_write_out_must_be_a_task_of_the_recipe(tmp_path):
    wanted = small_recipe(tmp_path, assay={**ASSAY, "answer_tasks": ("MU01", "MU3")})
    with pytest.raises(RecipeError, match="'MU3'") as caught:
        MeasureBase(wanted).check()
    assert caught.value.key == ("assay", "answer_tasks", 1)


def test_the_check_reads_the_question_set(tmp_path):
    (tmp_path / "mine.yaml").write_text("questions: 3", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"mine\.yaml:1"):
        MeasureBase(small_recipe(tmp_path, assay={"questions": "mine.yaml"})).check()
