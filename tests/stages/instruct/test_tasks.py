import pytest
import yaml

from yelian.core.errors import StageError
from yelian.stages.instruct import tasks
from yelian.stages.instruct.tasks import list_tasks

RAW = {
    "id": "MU01", "zh": "标题", "en": "Headline", "class": "MU", "contract": "c", "method": "headline",
    "inputs": ["article"], "output": "o", "limits": {}, "prompts": ["{article}"] * 3,
}  # fmt: skip


def load(**changes):
    return tasks._load("MU01.yaml", yaml.safe_dump({**RAW, **changes}, allow_unicode=True))


def test_the_media_domain_ships_six_tasks_with_three_phrasings_or_more():
    shipped = list_tasks("media")
    assert [task.id for task in shipped] == ["MU01", "MU02", "MU03", "OP41", "RW07", "RW08"]
    assert all(len(task.prompts) >= 3 and len(set(task.prompts)) == len(task.prompts) for task in shipped)
    assert all(task.id.startswith(task.class_) for task in shipped)
    assert [task.id for task in shipped if task.extractive] == ["MU03", "RW07"]


def test_a_sound_task_file_loads():
    assert load().class_ == "MU"


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "headlin"},
        {"prompts": ["{article} {title}"] * 3},
        {"prompts": ["no place to fill"] * 3},
        {"prompts": ["{article}"]},
        {"class": "XX"},
        {"id": "headline"},
        {"prompt": "unknown key"},
    ],
)
def test_a_task_file_that_does_not_fit_together_is_our_fault(changes):
    with pytest.raises(StageError, match=r"MU01\.yaml"):
        load(**changes)
