import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpus.samples import LEAD, jsonl
from support import recipe, run_stage
from yelian.core import records
from yelian.core.records import Document
from yelian.engine.job import FolderJob
from yelian.recipe.schema import Run
from yelian.stages.corpus import read
from yelian.stages.corpus.clean import Clean, fraction, scores
from yelian.stages.corpus.read import Read

TRADITIONAL = "五年前，磐石街還是一條安靜的老街。兩排騎樓，三家中藥行，一間賣了四代的餅鋪，假日裡來的多半是附近的居民。"
SIMPLIFIED = "五年前，磐石街还是一条安静的老街。两排骑楼，三家中药行，一间卖了四代的饼铺，假日里来的多半是附近的居民。"


@pytest.fixture
def clean(tmp_path):
    """Clean texts given as JSONL rows."""

    def run(rows, folder="one", **corpus):
        docs = tmp_path / folder / "docs"
        docs.mkdir(parents=True)
        (docs / "a.jsonl").write_bytes(jsonl(*rows))
        wanted = recipe(tmp_path / folder, corpus={"sources": ({"path": "docs"},), **corpus})
        source = run_stage(Read.from_recipe(wanted), tmp_path / folder / "read")
        return run_stage(Clean.from_recipe(wanted), tmp_path / folder / "clean", {"corpus.read": source})

    return run


def documents(artifact, side="train") -> list[Document]:
    return list(records.rows(Document, artifact.batches(side)))


def removals(artifact) -> list[dict]:
    return [row for part in sorted((artifact.path / "removed").iterdir()) for row in pq.read_table(part).to_pylist()]


def test_texts_are_normalised_and_scored(clean):
    (document,) = documents(
        clean([{"text": f"\u3000\u3000{LEAD}\r\n\r\n\r\n\u3000{LEAD}", "title": " 标\u200b题 "}], held_out=0.0)
    )
    assert document.text == f"{LEAD}\n\n{LEAD}"
    assert document.title == "标题"
    assert document.scores == scores(document.text)


def test_scores_count_what_can_be_seen():
    assert scores("一二 ab\n\n三。") == {"chars": 6.0, "han_share": 0.5, "paragraphs": 2.0}


def test_traditional_documents_become_simplified_and_say_so(clean):
    (document,) = documents(clean([{"text": TRADITIONAL, "title": "把自己賣膩了"}], held_out=0.0))
    assert (document.text, document.title) == (SIMPLIFIED, "把自己卖腻了")
    assert document.tags[-1] == "converted:simplified"


def test_a_rare_traditional_name_does_not_convert_a_simplified_document(clean):
    text = "手塚治虫的漫画展周六在市美术馆开幕，展出原稿一百二十张，展期到年底，门票三十元，学生半价。"
    (document,) = documents(clean([{"text": text}], held_out=0.0))
    assert document.text == text


def test_simplifying_can_be_turned_off(clean):
    (document,) = documents(clean([{"text": TRADITIONAL}], held_out=0.0, simplify=False))
    assert document.text == TRADITIONAL


def test_of_copies_the_first_survives_whatever_their_layout_and_script(clean):
    artifact = clean(
        [{"text": SIMPLIFIED}, {"text": LEAD}, {"text": SIMPLIFIED.replace("。", "。\n ")}, {"text": TRADITIONAL}],
        held_out=0.0,
    )
    first = documents(artifact)[0]
    assert [document.locator for document in documents(artifact)] == ["line 1", "line 2"]
    gone = removals(artifact)
    assert [(row["locator"], row["outcome"], row["reason"]) for row in gone] == [
        ("line 3", "dropped", "exact_duplicate"),
        ("line 4", "dropped", "exact_duplicate"),
    ]
    assert all(first.id in row["detail"] for row in gone)


def test_short_documents_are_dropped_by_what_can_be_seen(clean):
    artifact = clean([{"text": "一" * 39 + " \n" * 9}, {"text": "一" * 40}], held_out=0.0)
    assert [document.locator for document in documents(artifact)] == ["line 2"]
    assert [row["reason"] for row in removals(artifact)] == ["too_short"]


def test_a_document_stays_on_its_side_as_others_come(clean):
    rows = [{"text": f"{LEAD}{i}"} for i in range(60)]
    few, many = clean(rows[:20], "few", held_out=0.3), clean(rows[::-1], "many", held_out=0.3)
    held_out = {document.text for document in documents(few, "held_out")}
    assert held_out
    assert held_out == {document.text for document in documents(many, "held_out")} & {row["text"] for row in rows[:20]}
    assert many.metrics == {
        "train_documents": many.count("train"),
        "held_out_documents": many.count("held_out"),
    }
    assert many.count("train") + many.count("held_out") == 60


def test_the_seed_moves_documents_and_zero_holds_none_out(clean):
    rows = [{"text": f"{LEAD}{i}"} for i in range(40)]
    sides = [{d.text for d in documents(clean(rows, f"seed{seed}", split_seed=seed), "held_out")} for seed in (0, 1)]
    assert sides[0] != sides[1]
    assert clean(rows, "none", held_out=0.0).count("held_out") == 0


@given(st.binary(min_size=16, max_size=16), st.integers(0, 5))
def test_the_fraction_is_in_range_and_always_the_same(key, seed):
    assert 0 <= fraction(key, seed) < 1
    assert fraction(key, seed) == fraction(key, seed)


def test_the_fractions_are_spread_evenly():
    below = sum(fraction(i.to_bytes(16, "big"), 0) < 0.2 for i in range(10_000))
    assert 1880 < below < 2120  # 2,000 within three standard deviations of 40


def test_a_killed_run_ends_the_same_although_copies_lie_in_different_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "PART_LINES", 2)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.jsonl").write_bytes(jsonl(*({"text": f"{LEAD}{i % 4}"} for i in range(8))))
    wanted = recipe(tmp_path)
    inputs = {"corpus.read": run_stage(Read.from_recipe(wanted), tmp_path / "read")}
    stage = Clean.from_recipe(wanted)
    whole = run_stage(stage, tmp_path / "whole", inputs)

    class Killed(FolderJob):
        def commit(self, part, **rest):
            if part == "000001":
                raise KeyboardInterrupt
            super().commit(part, **rest)

    with pytest.raises(KeyboardInterrupt):
        stage.run(Killed(stage.NAME, stage.UNIT, tmp_path / "killed", inputs, Run()))
    resumed = run_stage(stage, tmp_path / "killed", inputs)
    for side in ("train", "held_out"):
        assert documents(resumed, side) == documents(whole, side)
    assert removals(resumed) == removals(whole)
    assert resumed.ledger.as_json()["dropped"] == {"exact_duplicate": 4}


def test_a_split_that_holds_nothing_out_is_said_aloud(tmp_path):
    notes = []

    class Display:
        def progress(self, done, total, unit):
            pass

        def note(self, message):
            notes.append(message)

    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.jsonl").write_bytes(jsonl({"text": LEAD}))
    wanted = recipe(tmp_path, corpus={"sources": ({"path": "docs"},), "held_out": 1e-9})
    source = run_stage(Read.from_recipe(wanted), tmp_path / "read")
    stage = Clean.from_recipe(wanted)
    stage.run(FolderJob(stage.NAME, stage.UNIT, tmp_path / "clean", {"corpus.read": source}, Run(), Display()))
    assert notes == ["no document is held out of 1: nothing can be measured; raise corpus.held_out"]
