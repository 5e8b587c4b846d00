from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tiny import tiny_model
from yelian.llm.weights import load_tokenizer, load_weights, save_adapter_note


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("gemma"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("llama"), "llama")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The LLaMA stand-in without ChatML's tokens."""
    folder = tiny_model(tmp_path_factory.mktemp("plain"), "llama")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("<|im_", "<|x_"), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tokenizers(gemma: Path, llama: Path, plain: Path) -> dict[str, Any]:
    return {folder.name[:5]: load_tokenizer(folder) for folder in (gemma, llama, plain)}


@pytest.fixture(scope="session")
def adapter(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random adapter on the Gemma stand-in, large enough to change every answer."""
    import torch
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    model = get_peft_model(load_weights(gemma), LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    save_adapter_note(folder, gemma, load_tokenizer(gemma))
    return folder
