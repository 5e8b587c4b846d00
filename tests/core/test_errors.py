import pytest

from yelian.core.errors import InputError, RecipeError, StageError, TransientError
from yelian.core.nearest import did_you_mean, nearest


def test_every_error_has_an_exit_code_of_its_own_and_none_is_success_or_usage():
    codes = [error.exit_code for error in (RecipeError, InputError, TransientError, StageError)]
    assert len(set(codes)) == 4
    assert not {0, 2} & set(codes)


def test_an_error_says_what_to_do():
    assert str(InputError("no such folder x", fix="make it")) == "no such folder x\n  fix: make it"


@pytest.mark.parametrize(("word", "near"), [("learning_rat", "learning_rate"), ("lr", None), ("rnak", "rank")])
def test_the_nearest_word_is_found_or_none_is(word, near):
    assert nearest(word, ["learning_rate", "rank", "window"]) == near


def test_without_a_near_word_all_known_ones_are_named():
    assert did_you_mean("zzz", ["a", "b"]) == "known: a, b"
