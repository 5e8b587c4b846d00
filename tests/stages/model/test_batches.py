from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yelian.recipe.schema import Sft
from yelian.stages.model.batches import micro_batches, plan_steps


def sft(**settings: object) -> Sft:
    return Sft.model_validate({"tokens": 10**9, "batch_tokens": 10, **settings})


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(0, 3))
def test_one_pass_takes_each_conversation_once_and_no_step_is_too_large(lengths: list[int], seed: int) -> None:
    steps = plan_steps(lengths, sft(seed=seed))
    assert sorted(index for step in steps for index in step) == list(range(len(lengths)))
    assert all(len(step) == 1 or sum(lengths[index] for index in step) <= 10 for step in steps)


def test_training_stops_after_the_step_that_reaches_the_tokens() -> None:
    steps = plan_steps([5] * 100, sft(tokens=21))
    assert [len(step) for step in steps] == [2, 2, 2]


def test_a_budget_met_exactly_takes_no_further_step() -> None:
    assert len(plan_steps([5] * 100, sft(tokens=20))) == 2


@pytest.mark.parametrize(("epochs", "taken"), [(0.5, 2), (1.0, 4), (2.5, 10)])
def test_epochs_may_be_parts_of_a_pass(epochs: float, taken: int) -> None:
    steps = plan_steps([10] * 4, sft(epochs=epochs))
    assert sum(map(len, steps)) == taken
    assert {index for step in steps[:4] for index in step} == set(range(4)) or taken < 4


def test_the_order_follows_the_seed() -> None:
    one, two, three = (plan_steps([10] * 30, sft(seed=seed)) for seed in (1, 1, 2))
    assert one == two != three


def test_nothing_to_learn_is_no_step() -> None:
    assert plan_steps([], sft()) == []


def test_forward_passes_hold_conversations_of_like_length() -> None:
    assert micro_batches([0, 1, 2, 3, 4], [5, 9, 5, 1, 7], 2) == [[1, 4], [0, 2], [3]]
