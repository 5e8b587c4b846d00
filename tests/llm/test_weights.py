from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from yelian.core.errors import InputError
from yelian.core.records import Message
from yelian.llm.local import LocalModel
from yelian.llm.weights import fingerprint, load_tokenizer, load_weights, save_merged

TALK: list[Message] = [{"role": "user", "content": "请写标题"}, {"role": "assistant", "content": "新品上市"}]


def test_a_merged_folder_measures_exactly_as_base_plus_adapter(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    save_merged(gemma, adapter, tmp_path)
    with LocalModel.load(gemma, adapter, "cpu", 1) as joined, LocalModel.load(tmp_path, None, "cpu", 1) as merged:
        assert joined.answer_nats([TALK]) == merged.answer_nats([TALK])


def test_a_merged_folder_is_safetensors_with_a_chat_template_and_stops_at_the_turn(
    gemma: Path, adapter: Path, tmp_path: Path
) -> None:
    save_merged(gemma, adapter, tmp_path)
    assert not list(tmp_path.glob("*.bin"))
    assert json.loads((tmp_path / "generation_config.json").read_text())["eos_token_id"] == [5, 1]
    assert "<start_of_turn>model" in load_tokenizer(tmp_path).chat_template
    assert str(gemma) not in "".join(path.read_text() for path in tmp_path.glob("*.json"))


def test_an_adapter_of_another_base_is_refused(adapter: Path, llama: Path) -> None:
    with pytest.raises(InputError, match="was trained on the base"):
        LocalModel.load(llama, adapter, "cpu", 1)


def test_an_adapter_that_names_no_base_is_refused(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    shutil.copytree(adapter, tmp_path / "adapter")
    (tmp_path / "adapter" / "yelian.json").unlink()
    with pytest.raises(InputError, match="nobody knows which base"):
        LocalModel.load(gemma, tmp_path / "adapter", "cpu", 1)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_fingerprint_changes_with_weights_tokens_and_configuration(gemma: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(gemma, tmp_path / "copy")
    assert fingerprint(copy) == fingerprint(gemma)
    with (copy / name).open("ab") as file:
        file.write(b" ")
    assert fingerprint(copy) != fingerprint(gemma)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json"):
        load_weights(tmp_path)
    with pytest.raises(InputError, match=r"holds no tokenizer\.json"):
        load_tokenizer(tmp_path)
