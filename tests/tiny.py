"""A tiny random model with a real tokenizer, as a Hugging Face folder: the stand-in for every base model in tests.

`gemma` has Gemma 3's architecture, its turn tokens and its byte-fallback BPE over whole texts; `llama` has LLaMA's,
ChatML's tokens and byte-level BPE, like SmolLM2. Both take about a second, and the same call gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

TEXT = """本报讯，记者从市文化和旅游局了解到，春节假期全市接待游客三百二十万人次，同比增长百分之十二。
新品上市发布会在上海举行，品牌负责人表示，今年将继续加大研发投入，推出更多适合年轻消费者的产品。
各位家人们晚上好，欢迎来到我们的直播间，今天给大家带来的这款面霜，原价一百九十九元，现在只要九十九元。
请为下面的文章写一个标题。请为下面的文章写导语。请续写下面的文章。请把提纲扩写成文章。请列出要点。
城市更新不是简单的拆旧建新，而是让老街区留住烟火气，让居民过上更方便的生活，这需要规划者的耐心。
The quick brown fox jumps over the lazy dog. A short model of the data in the news, 2025 and 2026.
"""


def tiny_model(folder: Path, kind: Literal["gemma", "llama"] = "gemma", seed: int = 0) -> Path:
    """Write the model into `folder` (float32 safetensors, two layers, hidden size 32) and return the folder."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokens = _gemma_tokenizer(folder) if kind == "gemma" else _llama_tokenizer(folder)
    shape = {
        "vocab_size": tokens["size"],
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "pad_token_id": tokens["pad"],
        "bos_token_id": tokens["bos"],
        "eos_token_id": tokens["eos"],
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "gemma":
            layers = ["sliding_attention", "full_attention"]
            model = Gemma3ForCausalLM(
                Gemma3TextConfig(**shape, query_pre_attn_scalar=16, sliding_window=64, layer_types=layers)
            )
        else:
            model = LlamaForCausalLM(LlamaConfig(**shape))
        for weight in model.parameters():
            if weight.dim() > 1:  # wide enough that two prompts get two answers
                torch.nn.init.normal_(weight, std=0.2)
    model.save_pretrained(folder)
    return folder


def _gemma_tokenizer(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.train_from_iterator(TEXT.splitlines(), trainers.BpeTrainer(vocab_size=560, show_progress=False))
    learned = json.loads(trained.to_str())["model"]
    pieces = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), "\n", "\n\n"]
    pieces += [piece for piece, _ in sorted(learned["vocab"].items(), key=lambda item: item[1])]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [("\n", "\n"), *(tuple(merge) for merge in learned["merges"])]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos>:1 $B:1", special_tokens=[("<bos>", vocabulary["<bos>"])]
    )
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    _write_config(folder, names)
    return {"size": len(vocabulary), "pad": 0, "eos": 1, "bos": 2}


def _llama_tokenizer(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=specials,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT.splitlines(), trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<|im_end|>", "eos_token": "<|im_end|>", "bos_token": "<|im_start|>"}
    _write_config(folder, {**names, "unk_token": "<|endoftext|>"})
    return {"size": tokenizer.get_vocab_size(), "pad": 2, "eos": 2, "bos": 1}


def _write_config(folder: Path, names: dict[str, str]) -> None:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
