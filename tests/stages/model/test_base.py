from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from stages.model.material import ONE_THREAD, as_rows
from support import recipe, run_stage
from tiny import tiny_model
from yelian.core.digest import file_digest
from yelian.core.errors import InputError, RecipeError, TransientError
from yelian.engine.stage import Artifact
from yelian.llm.weights import load_tokenizer, load_weights
from yelian.stages.model import origins
from yelian.stages.model.base import Base


def stage(folder: Path, base: str) -> Base:
    made = Base.from_recipe(recipe(folder, model={"base": base}))
    assert made is not None
    return made


@pytest.fixture
def model(gemma: Path, tmp_path: Path) -> Path:
    """A copy of the stand-in that a test may spoil."""
    return shutil.copytree(gemma, tmp_path / "tiny")


def shard(model: Path) -> None:
    """Cut the weights into two shards with an index."""
    load_weights(model).save_pretrained(model, max_shard_size="100KB")
    (model / "model.safetensors").unlink(missing_ok=True)
    assert (model / "model-00002-of-00002.safetensors").exists()


def test_a_local_folder_is_copied_and_every_file_is_listed(bases: Mapping[str, Artifact], gemma: Path) -> None:
    made = bases["gemma"]
    files = {row["name"]: row["sha256"] for row in as_rows(made, "files")}
    assert files == {path.name: file_digest(path) for path in gemma.iterdir()}
    assert {path.name for path in (made.path / "model").iterdir()} == set(files)
    assert made.metrics["parameters"] == sum(each.numel() for each in load_weights(gemma).parameters())
    assert (made.metrics["name"], made.metrics["chat_format"]) == ("gemma", "gemma")


def test_the_files_of_a_local_folder_decide_the_artifact(gemma: Path) -> None:
    made = stage(gemma.parent, gemma.name)
    assert made.outside() == {f"base/{path.name}": path for path in gemma.iterdir()}
    assert made.params() == {"folder": True}


def test_files_that_are_not_needed_stay_behind_with_a_reason(model: Path, tmp_path: Path) -> None:
    (model / "README.md").write_text("hello", encoding="utf-8")
    (model / "onnx").mkdir()
    (model / "onnx" / "model.bin").write_bytes(b"x")
    made = run_stage(stage(tmp_path, "tiny"), tmp_path / "out", run=ONE_THREAD)
    gone = [(row["outcome"], row["reason"], row["source"]) for row in as_rows(made, "removed")]
    assert gone == [("dropped", "not_needed", "README.md"), ("dropped", "not_needed", "onnx/model.bin")]
    assert made.ledger.read == made.ledger.kept + 2


def test_shards_are_taken_along_with_their_index(model: Path, tmp_path: Path) -> None:
    shard(model)
    made = run_stage(stage(tmp_path, "tiny"), tmp_path / "out", run=ONE_THREAD)
    before, after = load_weights(model).state_dict(), load_weights(made.path / "model").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_missing_shard_is_named_before_any_work(model: Path, tmp_path: Path) -> None:
    shard(model)
    (model / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks the shard model-00002-of-00002\.safetensors"):
        stage(tmp_path, "tiny").check()


def test_shards_without_their_index_are_refused(model: Path, tmp_path: Path) -> None:
    shard(model)
    (model / "model.safetensors.index.json").unlink()
    with pytest.raises(InputError, match=r"has shards, but no model\.safetensors\.index\.json"):
        stage(tmp_path, "tiny").check()


def test_weights_cut_short_are_refused(model: Path, tmp_path: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match="is no whole safetensors file"):
        stage(tmp_path, "tiny").check()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_without_its_configuration_or_tokenizer_is_refused(model: Path, tmp_path: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(InputError, match=f"holds no {name}"):
        stage(tmp_path, "tiny").check()


def test_pickled_weights_are_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"only pickles, which run code when opened: pytorch_model\.bin"):
        stage(tmp_path, "tiny").check()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_that_brings_code_is_refused(model: Path, tmp_path: Path, name: str) -> None:
    config = json.loads((model / name).read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    (model / name).write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="code of its own"):
        stage(tmp_path, "tiny").check()


def test_quantised_weights_are_refused(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps({**config, "quantization_config": {}}), encoding="utf-8")
    with pytest.raises(InputError, match="quantised"):
        stage(tmp_path, "tiny").check()


def test_an_unknown_embedded_name_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"did you mean 'gemma3-270m'\?") as caught:
        stage(tmp_path, "embedded:gema3-270m").check()
    assert caught.value.key == ("model", "base")


def test_a_path_that_is_no_folder_is_the_recipes_fault(tmp_path: Path) -> None:
    for base in ("nowhere", "./models/nowhere", "nowhere.gguf"):
        with pytest.raises(RecipeError) as caught:
            stage(tmp_path, base).check()
        assert caught.value.key == ("model", "base")


def test_a_hub_id_may_pin_a_revision(tmp_path: Path) -> None:
    assert stage(tmp_path, "google/gemma-3-270m@abc123").params() == {
        "hub": "google/gemma-3-270m",
        "revision": "abc123",
    }
    assert stage(tmp_path, "google/gemma-3-270m").params() == {"hub": "google/gemma-3-270m", "revision": None}


def test_a_hub_model_is_fetched_without_pickles_checked_and_copied(
    gemma: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def fetch(name: str, *, local_dir: Path, **how: object) -> None:
        asked.update(how, name=name)
        shutil.copytree(gemma, local_dir)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    made = run_stage(stage(tmp_path, "some/model@v1"), tmp_path / "out", run=ONE_THREAD)
    assert (asked["name"], asked["revision"]) == ("some/model", "v1")
    assert asked["allow_patterns"] == ["*.safetensors", "*.json", "chat_template.jinja"]
    assert made.metrics["name"] == "some/model"
    assert not (made.path / "work").exists()


def test_a_hub_model_that_brings_code_is_refused_once_it_is_here(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "config.json").write_text('{"auto_map": {}}', encoding="utf-8")
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda name, *, local_dir, **_: shutil.copytree(model, local_dir)
    )
    with pytest.raises(InputError, match="code of its own"):
        run_stage(stage(tmp_path, "some/model"), tmp_path / "out", run=ONE_THREAD)
    assert not (tmp_path / "out" / "model").exists()


def test_without_a_network_a_hub_model_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fail(*_: object, **__: object) -> None:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(TransientError, match="cannot be reached for some/model"):
        run_stage(stage(tmp_path, "some/model"), tmp_path / "out", run=ONE_THREAD)


def test_a_missing_package_names_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = origins.Embedded("no-such-package==1", (("no-such-package", "x.gguf"),), "0" * 64, "none", "none")
    monkeypatch.setitem(origins.EMBEDDED, "absent", absent)
    with pytest.raises(InputError, match="not installed here") as caught:
        stage(tmp_path, "embedded:absent").check()
    assert caught.value.fix == "pip install no-such-package==1"


def test_an_embedded_file_with_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = origins.Embedded("pytest", (("pytest", "pytest/__init__.py"),), "0" * 64, "MIT", "none")
    monkeypatch.setitem(origins.EMBEDDED, "changed", changed)
    with pytest.raises(InputError, match="SHA-256"):
        run_stage(stage(tmp_path, "embedded:changed"), tmp_path / "out", run=ONE_THREAD)
    assert not (tmp_path / "out" / "model").exists()


def test_a_file_that_only_claims_to_be_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"no")
    with pytest.raises(InputError, match="is no GGUF file"):
        stage(tmp_path, "x.gguf").check()
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + bytes(100))
    stage(tmp_path, "x.gguf").check()
    with pytest.raises(InputError, match="transformers can unpack"):
        run_stage(stage(tmp_path, "x.gguf"), tmp_path / "out", run=ONE_THREAD)


def test_a_gguf_file_becomes_a_folder_that_loads(llama: Path, tmp_path: Path) -> None:
    write_gguf(llama, tmp_path / "tiny.gguf")
    made = run_stage(stage(tmp_path, "tiny.gguf"), tmp_path / "out", run=ONE_THREAD)
    model, before = load_weights(made.path / "model"), load_weights(llama)
    assert model.dtype == torch.bfloat16
    name = "model.layers.1.mlp.down_proj.weight"
    assert torch.equal(model.state_dict()[name], before.state_dict()[name].to(torch.bfloat16))
    text = "春节，新品 fox🎉"
    old, new = load_tokenizer(llama), load_tokenizer(made.path / "model")
    assert new.encode(text, add_special_tokens=False) == old.encode(text, add_special_tokens=False)
    assert made.metrics["chat_format"] == "chatml"
    assert "im_start" in new.chat_template


def test_a_killed_copy_is_made_again(model: Path, tmp_path: Path) -> None:
    left = tmp_path / "out" / "work" / "model"
    left.mkdir(parents=True)
    (left / "config.json").write_text("half", encoding="utf-8")
    made = run_stage(stage(tmp_path, "tiny"), tmp_path / "out", run=ONE_THREAD)
    assert file_digest(made.path / "model" / "config.json") == file_digest(model / "config.json")
    assert not (made.path / "work").exists()


def test_the_stand_in_is_the_same_every_time(gemma: Path, tmp_path: Path) -> None:
    again = tiny_model(tmp_path / "again")
    for path in gemma.iterdir():
        assert file_digest(path) == file_digest(again / path.name), path.name


def write_gguf(folder: Path, path: Path) -> None:
    """The LLaMA stand-in as a float32 GGUF file."""
    import gguf

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    special = {entry["id"] for entry in tokenizer["added_tokens"]}
    pieces = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(len(pieces))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([piece for piece, _ in pieces])
    writer.add_token_types([3 if number in special else 1 for _, number in pieces])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
    blocks = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for layer in range(config["num_hidden_layers"]):
        names |= {f"model.layers.{layer}.{ours}": f"blk.{layer}.{theirs}" for ours, theirs in blocks.items()}
    for name, weight in load_weights(folder).state_dict().items():
        if (theirs := names.get(name.removesuffix(".weight"))) is None:
            continue
        rows = weight.detach()
        if (count := heads.get(theirs.split(".")[-1])) is not None:  # GGUF interleaves the halves of each rotary pair
            rows = rows.reshape(count, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)
        writer.add_tensor(f"{theirs}.weight", rows.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
