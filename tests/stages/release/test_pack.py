import json
import re

import pytest

from stages.assay.finished_run import reported, run, small_recipe
from yelian.core.digest import file_digest
from yelian.engine.job import FolderJob
from yelian.recipe.schema import Run
from yelian.stages.release.pack import CARDS, Pack
from yelian.text.figures import DECIMALS, count, figure, percent, signed

ID = re.compile(r"\[((?:corpus|instruct|model|assay)\.[a-z]+-[0-9a-f]+)\]")
NUMBER = re.compile(r"(?<![A-Za-z0-9_.,\-])[+−]?\d[\d,]*(?:\.\d+)?%?(?![A-Za-z0-9_\-])")


def fake_merge(base, adapter, out):
    (out / "config.json").write_text(f'{{"base": "{base.name}", "adapter": "{adapter.name}"}}')
    (out / "model.safetensors").write_bytes(b"weights")
    (out / "model.safetensors").chmod(0o600)


@pytest.fixture(scope="module", params=["zh", "en"])
def made(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    wanted = small_recipe(root, language=request.param, release={"licence": "CC-BY-4.0", "contact": "desk@example.org"})
    with pytest.MonkeyPatch.context() as patch:
        artifacts = reported(root, wanted, patch)
        patch.setattr("yelian.llm.local.save_merged", fake_merge)
        artifacts["release.pack"] = run(Pack(wanted), root, artifacts)
    return artifacts


@pytest.fixture
def release(made):
    return made["release.pack"].path / "release"


@pytest.fixture
def index(release):
    return json.loads((release / "release.json").read_text(encoding="utf-8"))


def at(value, pointer):
    for step in pointer.split("/")[1:]:
        value = value[int(step)] if isinstance(value, list) else value[step.replace("~1", "/").replace("~0", "~")]
    return value


def prose(card):
    """Lines of a card without its header, code, links and ids."""
    body = card.split("---\n", 2)[2] if card.startswith("---\n") else card
    body = re.sub(r"```.*?```", "", body, flags=re.S)
    for line in body.splitlines():
        yield re.sub(r"`[^`]*`|\]\([^)]*\)", "", line), set(ID.findall(line))


@pytest.mark.parametrize("card", CARDS)
def test_every_figure_of_a_card_stands_in_the_file_of_the_artifact_that_its_line_names(made, release, index, card):
    folders = {artifact.id: artifact.path for artifact in made.values()}
    known = {(each["text"], each["artifact"]) for each in index["figures"] if each["card"] == card}
    seen = 0
    for line, named in prose((release / card).read_text(encoding="utf-8")):
        for number in NUMBER.findall(ID.sub("", line)):
            assert any((number, artifact) in known for artifact in named), f"{number!r} in {line!r} names no artifact"
            seen += 1
    assert seen > 20
    for each in index["figures"]:
        value = at(json.loads((folders[each["artifact"]] / each["file"]).read_text(encoding="utf-8")), each["pointer"])
        texts = [count(sum(value.values()))] if isinstance(value, dict) else [count(value), percent(value)]
        if isinstance(value, float):
            texts += [form(value, unit) for form in (figure, signed) for unit in DECIMALS]
        assert each["text"] in texts


def test_the_folder_holds_weights_adapter_cards_notice_and_index(release):
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert files == {
        "config.json", "model.safetensors", "adapter/config.json",
        "MODEL_CARD.md", "DATA_CARD.md", "NOTICE", "release.json",
    }  # fmt: skip
    assert (release / "model.safetensors").stat().st_mode & 0o777 == 0o644
    assert json.loads((release / "config.json").read_text()) == {"base": "model", "adapter": "adapter"}


def test_the_index_lists_every_other_file_with_its_digest(release, index):
    listed = {each["path"]: (each["bytes"], each["sha256"]) for each in index["files"]}
    there = {path.relative_to(release).as_posix(): path for path in release.rglob("*") if path.is_file()}
    assert listed == {
        name: (path.stat().st_size, file_digest(path)) for name, path in there.items() if name != "release.json"
    }


def test_the_ledger_counts_the_files(made, release):
    assert made["release.pack"].ledger.as_json() == {
        "unit": "files", "read": 7, "kept": 7, "dropped": {}, "rejected": {},
    }  # fmt: skip


def test_the_model_card_has_the_header_the_hub_expects(release):
    import yaml

    header = yaml.safe_load((release / "MODEL_CARD.md").read_text(encoding="utf-8").split("---\n")[1])
    assert header["license"] == "gemma"
    assert header["base_model"] == "google/gemma-3-270m"
    assert (header["language"], header["library_name"]) == (["zh"], "transformers")


def test_the_cards_name_licences_terms_and_contact(release):
    card = (release / "MODEL_CARD.md").read_text(encoding="utf-8")
    for text in ("`CC-BY-4.0`", "https://ai.google.dev/gemma/terms", "desk@example.org"):
        assert text in card
    assert (release / "NOTICE").read_text(encoding="utf-8").startswith("Gemma is provided under and subject to")


def test_documents_without_a_licence_are_flagged_in_the_data_card(release, index):
    card = (release / "DATA_CARD.md").read_text(encoding="utf-8")
    assert ("**许可未知**" if index["language"] == "zh" else "**licence unknown**") in card
    pointers = {each["text"] for each in index["figures"] if each["pointer"].endswith("/values/documents")}
    assert pointers == {"4"}


def test_removals_are_given_by_reason(release):
    card = (release / "DATA_CARD.md").read_text(encoding="utf-8")
    assert "`exact_duplicate`" in card
    assert "`unreadable_pdf`" in card


def test_a_killed_run_leaves_nothing_of_its_own_behind(made, tmp_path, monkeypatch):
    monkeypatch.setattr("yelian.llm.local.save_merged", fake_merge)
    stage = Pack(small_recipe(tmp_path))
    half = tmp_path / "half"
    (half / "release").mkdir(parents=True)
    (half / "release" / "model-00001-of-00002.safetensors").write_bytes(b"half")
    job = FolderJob(stage.NAME, stage.UNIT, half, {each: made[each] for each in stage.reads()}, Run())
    stage.run(job)
    assert not (half / "release" / "model-00001-of-00002.safetensors").exists()
    before = (half / "release" / "release.json").stat().st_mtime_ns
    stage.run(job)  # the part is there: nothing is written again
    assert (half / "release" / "release.json").stat().st_mtime_ns == before


def test_a_trimmed_recipe_ships_the_trimmed_model(tmp_path):
    stage = Pack(small_recipe(tmp_path, model={"base": "tiny", "trim": {}}))
    assert "model.trim" in stage.reads()
    assert "model.base" in stage.reads()
