import pytest

import toy
from toy import planned, ran
from yelian.core.errors import RecipeError
from yelian.engine.job import Display
from yelian.engine.run import execute


def test_only_what_depends_on_a_change_is_made_again(path, store):
    ran(path, store)
    plan = planned(path, store, "instruct.seed=5")
    assert [(step.stage.NAME, step.state, step.why) for step in plan.steps] == [
        ("toy.read", "cached", "nothing changed"),
        ("toy.talk", "new", "seed 0 → 5"),
        ("toy.count", "new", "input changed: toy.talk"),
    ]
    assert execute(plan, store, Display()).computed == ("toy.talk", "toy.count")


def test_the_plan_names_the_changed_file(path, store):
    ran(path, store)
    (path.parent / "lines" / "c.txt").write_text("别的内容\n", encoding="utf-8")
    (path.parent / "lines" / "z.txt").write_text("新的一行\n", encoding="utf-8")
    why = planned(path, store).steps[0].why
    assert "file lines/c.txt" in why
    assert "file lines/z.txt is new" in why


def test_what_changes_only_the_speed_changes_no_artifact(path, store):
    ids = [step.artifact for step in planned(path, store).steps]
    assert ids == [step.artifact for step in planned(path, store, "run.threads=1", "run.price_per_hour=3").steps]


def test_a_changed_stage_version_is_the_reason(path, store, monkeypatch):
    ran(path, store)
    monkeypatch.setattr(toy.Talk, "VERSION", 2)
    assert [step.why for step in planned(path, store).steps][1] == "stage version 1 → 2"


def test_every_check_is_made_before_any_work(path, store):
    for line in (path.parent / "lines").iterdir():
        line.unlink()
    (path.parent / "lines").rmdir()
    with pytest.raises(RecipeError, match=r"recipe\.yaml:5: no such folder"):
        planned(path, store)
    with pytest.raises(RecipeError, match="2 mistakes"):
        planned(path, store, "instruct.seed=13")
    assert not store.root.exists()


def test_until_stops_after_a_stage_or_a_room_and_knows_no_other(path, store):
    assert [step.stage.NAME for step in planned(path, store, until="toy.talk").steps] == ["toy.read", "toy.talk"]
    assert len(planned(path, store, until="toy").steps) == 3
    with pytest.raises(RecipeError, match=r"did you mean 'toy\.talk'"):
        planned(path, store, until="toy.tlak")
