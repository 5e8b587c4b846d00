"""The recipe's schema: every setting once, with its type, range, default and help.

Everything but `run` changes the result and is hashed into artifact names. `run` changes only how and where the
work is done and is never hashed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen, strict part of a recipe: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Source(Section):
    """One folder or file of documents."""

    path: str = Field(description="folder or file, relative to the recipe")
    name: Name | None = Field(None, description="first part of every document's source; default: the last part of path")
    licence: str = Field("unknown", description="licence of documents that state none themselves")


class Corpus(Section):
    """From files to clean documents and a held-out part."""

    sources: tuple[Source, ...] = Field(min_length=1, description="where the documents lie")
    max_file_mb: float = Field(64, gt=0, description="larger files are rejected as too_large, unread")
    simplify: bool = Field(True, description="turn traditional characters into simplified ones")
    min_chars: int = Field(40, ge=1, description="shorter documents are dropped as too_short (white space not counted)")
    held_out: Share = Field(0.2, description="share of documents kept from training, for measuring")
    split_seed: int = Field(0, description="which documents are held out; a document stays on its side as others come")


class Instruct(Section):
    """From documents to conversations."""

    tasks: tuple[str, ...] = Field(min_length=1, description="task ids of the domain, such as MU01")
    max_chars: int = Field(1200, ge=100, description="documents longer than this are cut at a paragraph end")
    seed: int = Field(0, description="which phrasing of a prompt a document gets")


class Trim(Section):
    """Cut the vocabulary to what the corpus and a general list need."""

    general_words: int = Field(18_500, ge=0, description="pieces kept from the general list, most frequent first")


class Lora(Section):
    """The adapter's shape."""

    rank: int = Field(16, ge=1, le=512, description="rank of the update")
    alpha: float = Field(32.0, gt=0, description="scale of the update is alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapter's input")


class Sft(Section):
    """Supervised fine-tuning on conversations, loss on the assistant's tokens alone."""

    tokens: int = Field(40_000, ge=1, description="training stops after the step that reaches this many tokens")
    epochs: float = Field(1.0, gt=0, description="or after this many passes over the conversations, if that is sooner")
    learning_rate: float = Field(5e-4, gt=0, description="peak learning rate")
    warmup: Share = Field(0.05, description="share of steps over which the learning rate rises")
    batch_tokens: int = Field(2_048, ge=1, description="tokens per optimizer step, at most (at least one conversation)")
    micro_batch: int = Field(1, ge=1, description="conversations per forward pass")
    window: int = Field(1024, ge=16, description="longer conversations are dropped as too_long")
    seed: int = Field(0, description="order of the conversations and start of the adapter")
    save_steps: int = Field(10, ge=1, description="optimizer steps between checkpoints")


class Model(Section):
    """From a base model and conversations to a tuned model."""

    base: str = Field(description="embedded:NAME, a folder, a .gguf file, or a Hugging Face model id")
    trim: Trim | None = Field(None, description="cut the vocabulary first; null keeps it whole")
    lora: Lora = Field(Lora(), description="the adapter's shape")
    sft: Sft = Field(Sft(), description="supervised fine-tuning")


class Assay(Section):
    """Base against tuned on the held-out part."""

    questions: str = Field(description="a question set of the domain, or a .yaml file relative to the recipe")
    items_per_task: int = Field(8, ge=2, description="held-out conversations measured per task, at most")
    answer_tasks: tuple[str, ...] = Field((), description="tasks whose held-out answers are written out and scored")
    max_new_tokens: int = Field(64, ge=1, description="longest answer, in tokens")
    bootstrap: int = Field(2_000, ge=100, description="resamples behind each interval")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of each interval")
    seed: int = Field(0, description="seed of the bootstrap")


class Release(Section):
    """From a tuned model to a folder that anyone can load."""

    licence: str = Field("unknown", description="licence of the released weights, as the model card states it")
    contact: str | None = Field(None, description="whom the cards name for questions")


class Run(Section):
    """How and where to work; never part of an artifact's name."""

    store: str = Field(".yelian", description="folder of artifacts and runs, relative to the working directory")
    threads: int | None = Field(
        None, ge=1, description="CPU threads; default: the cores this process may use, at most 8"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where models run")
    price_per_hour: float | None = Field(None, ge=0, description="price of this machine, for the cost in manifests")
    currency: str = Field("CNY", description="of price_per_hour")


class Recipe(Section):
    """One recipe: raw documents in, one measured model out."""

    yelian: Literal[1] = Field(description="version of the recipe format")
    name: Name = Field(description="name of the release")
    language: Literal["zh", "en"] = Field("zh", description="language of reports and cards")
    domain: Name = Field("media", description="where defaults, tasks, prompts and questions come from")
    corpus: Corpus
    instruct: Instruct
    model: Model
    assay: Assay
    release: Release = Release()
    run: Run = Run()
    folder: Path = Field(exclude=True, description="folder of the recipe file; set by the loader, not by the author")
