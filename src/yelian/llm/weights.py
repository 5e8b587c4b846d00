"""Model folders on the disk: load a tokenizer or weights, tell one base from another, join an adapter to its base.

A base is a Hugging Face folder with safetensors. An adapter is a peft folder plus `yelian.json`, which holds the
fingerprint of the base it was trained on: on any other base its numbers mean nothing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yelian.core.digest import digest, file_digest
from yelian.core.errors import InputError, TransientError
from yelian.core.files import explained, write_text
from yelian.llm.chat import Tokenizer, chat_of, chat_template

if TYPE_CHECKING:
    import torch

ADAPTER_NOTE = "yelian.json"
FULL_BYTES = 64 << 10  # a disk with less room than this is full: the file that did not fit was larger
_SHAPING = ("config.json", "tokenizer.json")  # what decides, beside the weights, how a model behaves


def load_tokenizer(base: Path) -> Tokenizer:
    """The tokenizer exactly as `tokenizer.json` describes it; no model class rebuilds it."""
    from transformers import PreTrainedTokenizerFast

    _need(base, "tokenizer.json")
    return PreTrainedTokenizerFast.from_pretrained(base, local_files_only=True)


def load_weights(base: Path, dtype: torch.dtype | None = None) -> Any:
    """The causal language model, in the stored number format unless another is given. Safetensors only."""
    from transformers import AutoModelForCausalLM

    _need(base, "config.json")
    return AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype or "auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
    )


def fingerprint(base: Path) -> str:
    """64 hex digits that change with any weight, any token and any line of the configuration of a base."""
    files = [base / name for name in _SHAPING] + sorted(base.glob("*.safetensors"))
    return digest([[path.name, file_digest(path)] for path in files])


def tensor_shapes(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Number format and shape of each tensor of a safetensors file, from its header; InputError when it is cut short.

    A file is eight bytes with the length of a JSON header, the header, and the data that it describes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        whole = 0 < length <= size - 8
        try:
            header = json.loads(file.read(length)) if whole else {}
        except ValueError:
            whole, header = False, {}
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    described = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    if not whole or described != size:
        raise InputError(
            f"{path} is no whole safetensors file: it has {size} bytes, its header describes {described}",
            fix="copy or download the file again",
        )
    return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in tensors.items()}


def parameter_count(base: Path) -> int:
    """Numbers in all weights of a model folder; tied weights are stored, and counted, once."""
    total = 0
    for path in base.glob("*.safetensors"):
        for _, shape in tensor_shapes(path).values():
            size = 1
            for side in shape:
                size *= side
            total += size
    return total


def save_model(model: Any, tokenizer: Tokenizer, out: Path) -> None:
    """Write a Hugging Face folder with the chat template; `model_max_length` and the rest as the tokenizer has them.

    The tokenizer's class is named PreTrainedTokenizerFast, which every transformers release reads, and which takes
    `tokenizer.json` as it stands.
    """
    tokenizer.chat_template = chat_template(tokenizer)
    with writing(out):
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    path = out / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for key in ("backend", "is_local", "local_files_only"):  # marks of this machine and this release
        config.pop(key, None)
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    write_text(path, json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the ways in which safetensors and torch, too, report a full disk into the one TransientError.

    torch.save says only `unexpected pos 64 vs 0`, so the disk itself is asked whether it is full.
    """
    from safetensors import SafetensorError

    try:
        with explained(path):
            yield
    except (SafetensorError, RuntimeError) as error:
        if "No space left" in str(error) or shutil.disk_usage(path.parent).free < FULL_BYTES:
            raise TransientError(
                f"no space left on the disk that holds {path}",
                fix="free some space and run the same command again: it goes on where it stopped",
            ) from error
        raise


def save_adapter_note(adapter: Path, base: Path, tokenizer: Tokenizer) -> None:
    """Write beside an adapter which base it belongs to, and the chat format it learnt."""
    note = {"base": fingerprint(base), "chat_format": chat_of(tokenizer).format.name}
    write_text(adapter / ADAPTER_NOTE, json.dumps(note, indent=2) + "\n")


def load_joined(base: Path, adapter: Path) -> Any:
    """The base with the adapter added to its weights, in the base's stored number format.

    This is what a release holds, bit by bit: a model is measured as it is shipped. InputError when the adapter was
    trained on another base.
    """
    from peft import PeftModel

    _check_belongs(base, adapter)
    return PeftModel.from_pretrained(load_weights(base), adapter).merge_and_unload()


def save_merged(base: Path, adapter: Path | None, out: Path) -> None:
    """Write base plus adapter as one Hugging Face folder that any program loads: weights in safetensors, tokenizer
    with the chat template, and a generation config that stops at the end of a turn.
    """
    tokenizer = load_tokenizer(base)
    model = load_weights(base) if adapter is None else load_joined(base, adapter)
    stops = list(chat_of(tokenizer).stops)
    model.generation_config.eos_token_id = stops if len(stops) > 1 else stops[0]
    save_model(model, tokenizer, out)


def _check_belongs(base: Path, adapter: Path) -> None:
    note = adapter / ADAPTER_NOTE
    if not note.is_file():
        raise InputError(
            f"{adapter} holds no {ADAPTER_NOTE}, so nobody knows which base it belongs to",
            fix="give the `adapter` folder of a model.tune artifact",
        )
    trained_on, given = json.loads(note.read_text(encoding="utf-8"))["base"], fingerprint(base)
    if trained_on != given:
        raise InputError(
            f"the adapter {adapter} was trained on the base {trained_on[:12]}…, not on {base} ({given[:12]}…)",
            fix="give the base that the adapter's run used; `yelian trace` names it",
        )


def _need(folder: Path, name: str) -> None:
    if not (folder / name).is_file():
        raise InputError(f"{folder} is not a model folder: it holds no {name}", fix="give a Hugging Face model folder")
