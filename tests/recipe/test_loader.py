from pathlib import Path

import pytest
import yaml

from yelian.core.errors import RecipeError
from yelian.recipe.loader import load
from yelian.recipe.schema import Recipe, Section

GOOD = """\
yelian: 1
name: quick
corpus:
  sources:
    - path: docs
      licence: CC-BY-4.0
instruct:
  tasks: [MU01]
model:
  base: embedded:gemma3-270m
  sft:
    learning_rate: 1e-3
assay:
  questions: quickstart
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistake(folder: Path, text: str, *settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(write(folder, text), settings)
    return str(caught.value)


def test_a_good_recipe_loads_with_its_own_values_and_defaults(tmp_path):
    recipe = load(write(tmp_path, GOOD)).recipe
    assert recipe.model.sft.learning_rate == 0.001
    assert recipe.corpus.sources[0].licence == "CC-BY-4.0"
    assert recipe.model.sft.window == Recipe.model_validate(recipe.model_dump() | {"folder": tmp_path}).model.sft.window
    assert recipe.folder == tmp_path.resolve()


# One broken recipe per promised check: what is wrong, and what the message must say.
BROKEN = [
    ("learning_rate: 1e-3", "learning_rat: 1e-3", "recipe.yaml:12: unknown key 'model.sft.learning_rat'"),
    ("learning_rate: 1e-3", "learning_rat: 1e-3", "did you mean 'learning_rate'?"),
    ("instruct:", "instrukt:", "recipe.yaml:7: unknown key 'instrukt'"),
    ("    - path: docs\n", "    - paht: docs\n", "did you mean 'path'?"),
    ("    - path: docs\n", "    - paht: docs\n", "recipe.yaml:5: 'corpus.sources.0.path' is missing (folder or file"),
    ("learning_rate: 1e-3", "learning_rate: fast", "recipe.yaml:12: model.sft.learning_rate = 'fast'"),
    ("learning_rate: 1e-3", "learning_rate: -1", "greater than 0"),
    ("learning_rate: 1e-3", "window: 12.5", "model.sft.window = 12.5"),
    ("name: quick", "name: Quick Start", "recipe.yaml:2: name = 'Quick Start'"),
    ("name: quick", "name: quick\nname: slow", "recipe.yaml:3: 'name' is given twice"),
    (
        "name: quick",
        "name: quick\ndomain: medai",
        "recipe.yaml:3: unknown domain 'medai'\n  fix: did you mean 'media'?",
    ),
    ("name: quick", "name: [quick", "not valid YAML"),
    ("name: quick", "name: !!python/object:os.system quick", "tags are not allowed"),
    ("yelian: 1", "yelian: 2", "recipe.yaml:1: yelian = 2"),
    ("  questions: quickstart", "  questions: quickstart\n  held_out: 3", "unknown key 'assay.held_out'"),
]


@pytest.mark.parametrize(("old", "new", "says"), BROKEN)
def test_each_mistake_is_reported_with_its_line_and_the_nearest_word(tmp_path, old, new, says):
    assert old in GOOD
    assert says in mistake(tmp_path, GOOD.replace(old, new))


def test_all_mistakes_are_reported_at_once(tmp_path):
    text = mistake(tmp_path, GOOD.replace("name: quick", "nam: quick").replace("path: docs", "path: 3"))
    assert "3 mistakes" in text
    assert "unknown key 'nam'" in text
    assert "'name' is missing" in text
    assert "corpus.sources.0.path = 3" in text


def test_a_missing_recipe_names_the_nearest_file(tmp_path):
    write(tmp_path, GOOD)
    with pytest.raises(RecipeError, match=r"did you mean 'recipe\.yaml'"):
        load(tmp_path / "recpie.yaml")


def test_a_recipe_that_is_not_utf8_or_not_a_mapping_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes("name: 快".encode("gb18030"))
    with pytest.raises(RecipeError, match="not UTF-8"):
        load(tmp_path / "recipe.yaml")
    assert "a recipe is a mapping" in mistake(tmp_path, "- a\n- b\n")


def test_an_alias_that_holds_itself_ends(tmp_path):
    assert "nested deeper" in mistake(tmp_path, "a: &x [*x]\n")


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("model.sft.seed=7", lambda recipe: recipe.model.sft.seed == 7),
        ("model.sft.learning_rate=5e-4", lambda recipe: recipe.model.sft.learning_rate == 5e-4),
        ("model.lora.rank=8", lambda recipe: recipe.model.lora.rank == 8),
        ("instruct.tasks=[MU02, MU01]", lambda recipe: recipe.instruct.tasks == ("MU02", "MU01")),
        ("corpus.sources.0.licence=CC0-1.0", lambda recipe: recipe.corpus.sources[0].licence == "CC0-1.0"),
        ("model.trim=null", lambda recipe: recipe.model.trim is None),
        ("run.store=/tmp/elsewhere", lambda recipe: recipe.run.store == "/tmp/elsewhere"),
    ],
)
def test_set_overrides_one_setting_and_its_value_is_yaml(tmp_path, setting, read):
    assert read(load(write(tmp_path, GOOD), [setting]).recipe)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("model.sft.seeed=7", "--set model.sft.seeed=7: unknown key 'model.sft.seeed'"),
        ("model.sft.seed", "is not of the form key=value"),
        ("name.first=x", "name is not a setting that has parts"),
        ("corpus.sources.4.path=x", "corpus.sources is not a setting that has parts"),
        ("model.sft.seed=[1", "the value is not valid YAML"),
    ],
)
def test_a_wrong_set_names_itself(tmp_path, setting, says):
    assert says in mistake(tmp_path, GOOD, setting)


def test_words_that_old_yaml_takes_for_booleans_stay_words(tmp_path):
    text = GOOD.replace("licence: CC-BY-4.0", "licence: no")
    assert load(write(tmp_path, text)).recipe.corpus.sources[0].licence == "no"


def test_where_points_at_the_setting_or_its_nearest_parent(tmp_path):
    loaded = load(write(tmp_path, GOOD))
    assert loaded.where(("instruct", "tasks", 0)).endswith("recipe.yaml:8")
    assert loaded.where(("model", "lora", "rank")).endswith("recipe.yaml:9")


def sections(model: type[Section]):
    yield model
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, Section):
                yield from sections(inner)


def test_every_setting_has_a_help_string():
    silent = [
        f"{section.__name__}.{name}"
        for section in sections(Recipe)
        for name, field in section.model_fields.items()
        if not field.description and not (isinstance(field.annotation, type) and issubclass(field.annotation, Section))
    ]
    assert silent == []


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("recipes/*.yaml")), ids=lambda path: path.name)
def test_every_shipped_recipe_binds_and_is_under_thirty_lines(path):
    load(path)
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line.strip()[0] != "#"]
    assert len(lines) < 30
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["name"] == path.stem
