from pathlib import Path

from yelian.recipe.reference import reference


def test_the_page_of_all_settings_is_what_the_schema_says():
    page = Path(__file__).parents[2] / "docs" / "recipe.md"
    assert page.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_a_setting_shows_its_range_and_its_default():
    assert "| `model.lora.rank` | whole number, ≥ 1, ≤ 512 | `16` | rank of the update |" in reference()
    assert "| `model.trim` | section or `null` | `null` |" in reference()
