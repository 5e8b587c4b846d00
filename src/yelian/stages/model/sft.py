"""LoRA training on the assistant's tokens, over transformers' Trainer.

One item of the data set is one whole optimizer step, and `training_step` walks through its forward passes itself. The
Trainer then brings what it is good at (optimizer, schedule, checkpoints, resume) and nothing stands between us and
the loss: -log p summed over the step's assistant tokens and divided by their number, so that the size of a forward
pass changes nothing but rounding.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.checkpoint import checkpoint
from torch.utils.data import Dataset, SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments

from yelian.core.errors import InputError, StageError
from yelian.core.files import write_text
from yelian.llm.chat import Rendered
from yelian.llm.local import head_rows, right_padded, token_nats
from yelian.llm.weights import writing
from yelian.recipe.schema import Lora, Sft
from yelian.stages.model.batches import micro_batches
from yelian.stages.model.checkpoints import PREFIX, newest_whole, seal, step_of


@dataclass(frozen=True, slots=True)
class Lesson:
    """One conversation to be learnt."""

    id: str
    rendered: Rendered

    @property
    def assistant_tokens(self) -> int:
        """Tokens that count in the loss. The first token of a text is never predicted."""
        return sum(self.rendered.mask[1:])


@dataclass(frozen=True, slots=True)
class LogLine:
    """One optimizer step: mean loss per assistant token in nats, the rate it was taken with, tokens read."""

    step: int
    loss: float
    learning_rate: float
    tokens: int
    assistant_tokens: int
    seconds: float
    tokens_per_second: float


def with_adapter(model: Any, lora: Lora, seed: int) -> Any:
    """The model with a fresh adapter on every linear layer of its decoder, in float32 whatever the base is in.

    Updates of a thousandth of a weight would be rounded away in bfloat16.
    """
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number does
        lora_dropout=lora.dropout,
        target_modules="all-linear",
    )
    return get_peft_model(model, config)


def answer_loss(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Sum of -log p over the masked tokens of right-padded rows (rows, longest); the head runs at those alone.

    Chunks of the head are computed twice rather than kept: with a vocabulary of 262 thousand their logits would not
    fit.
    """
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = mask[:, 1:]
    before, targets = hidden[:, :-1][wanted], ids[:, 1:][wanted]
    size = head_rows(model)
    if len(targets) <= size:
        return token_nats(model, before, targets).sum()
    total = torch.zeros((), device=before.device)
    for start in range(0, len(targets), size):
        part = slice(start, start + size)
        total += checkpoint(token_nats, model, before[part], targets[part], use_reentrant=False).sum()
    return total


def train(
    model: Any,
    lessons: Sequence[Lesson],
    steps: Sequence[Sequence[int]],
    sft: Sft,
    folder: Path,
    log: Path,
    on_step: Callable[[int], None],
) -> Path:
    """Train the adapter and return the last checkpoint's folder, going on from the newest whole one.

    `on_step` hears how many tokens are done. `log` gets one line per step, none twice.
    """
    last = newest_whole(folder)
    done = step_of(last) if last else 0
    _keep_log(log, done)
    if last is None or done < len(steps):
        data = _Steps(lessons, steps, sft.micro_batch)
        watch = _Watch(log, steps, lessons, on_step)
        arguments = _arguments(sft, folder, len(steps), model.device)
        trainer = _Trainer(model=model, args=arguments, train_dataset=data, data_collator=_only, callbacks=[watch])
        trainer.remove_callback(PrinterCallback)  # it prints to stdout, which is for data
        trainer.warmup, watch.trainer = sft.warmup, trainer
        with writing(folder):
            trainer.train(resume_from_checkpoint=str(last) if last else None)
        last = newest_whole(folder)
    if last is None or step_of(last) != len(steps):
        raise StageError(
            f"training ended with the checkpoint {last}, not after step {len(steps)}",
            fix="this is a fault in Yelian: please report it with this line",
        )
    return last


def read_log(log: Path) -> list[LogLine]:
    """The lines of a finished log."""
    return [LogLine(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


class _Steps(Dataset[dict[str, Any]]):
    """Item i is optimizer step i: its forward passes as padded tensors, and what is needed to judge them."""

    def __init__(self, lessons: Sequence[Lesson], steps: Sequence[Sequence[int]], micro_batch: int) -> None:
        self._lessons = lessons
        self._steps = steps
        self._micro_batch = micro_batch

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, number: int) -> dict[str, Any]:
        step = self._steps[number]
        lengths = [len(lesson.rendered.ids) for lesson in self._lessons]
        return {
            "passes": [self._pass(batch) for batch in micro_batches(step, lengths, self._micro_batch)],
            "assistant_tokens": sum(self._lessons[index].assistant_tokens for index in step),
            "conversations": [self._lessons[index].id for index in step],
        }

    def _pass(self, batch: Sequence[int]) -> dict[str, torch.Tensor]:
        rendered = [self._lessons[index].rendered for index in batch]
        ids = right_padded([each.ids for each in rendered], 0)
        mask = right_padded([[int(learn) for learn in each.mask] for each in rendered], 0).bool()
        return {"ids": ids, "mask": mask}


def _only(items: list[dict[str, Any]]) -> dict[str, Any]:
    """The collator: one item is one step already."""
    return items[0]


class _Trainer(Trainer):
    """Trainer with our loss, our order and a checkpoint that is the adapter alone."""

    warmup: float
    """Share of steps over which the rate rises."""
    loss: float
    learning_rate: float
    model: Any
    optimizer: Any
    train_dataset: Any

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ARG002
        """Forward and backward for each pass of the step; the loss is per assistant token of the whole step."""
        model.train()
        inner = model.get_base_model()
        total = torch.zeros((), device=self.args.device)
        for each in inputs["passes"]:
            part = answer_loss(inner, each["ids"].to(total.device), each["mask"].to(total.device))
            part = part / inputs["assistant_tokens"]
            if not torch.isfinite(part):
                self._refuse(float(part), inputs["conversations"])
            self.accelerator.backward(part)
            total += part.detach()
        self.loss = float(total)
        self.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        return total

    def _refuse(self, loss: float, conversations: Sequence[str]) -> None:
        raise InputError(
            f"the loss became {loss} in step {self.state.global_step + 1}, with the conversations "
            + ", ".join(conversations),
            fix="lower model.sft.learning_rate; if it happens in the first steps, look at those conversations",
        )

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Our own warmup: transformers' takes its first step at rate zero."""
        if self.lr_scheduler is None:
            warmup = min(math.ceil(self.warmup * num_training_steps), num_training_steps - 1)
            factor = partial(_factor, warmup=warmup, steps=num_training_steps)
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return SequentialSampler(train_dataset or self.train_dataset)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ARG002
        """The adapter alone; peft would look up a base's vocabulary on the hub to decide about embeddings."""
        self.model.save_pretrained(output_dir, save_embedding_layers=False)


class _Watch(TrainerCallback):
    """Writes the log, shows progress, and seals each checkpoint once it is whole."""

    trainer: _Trainer

    def __init__(
        self, log: Path, steps: Sequence[Sequence[int]], lessons: Sequence[Lesson], on_step: Callable[[int], None]
    ) -> None:
        self._log = log
        self._tokens = [sum(len(lessons[index].rendered.ids) for index in step) for step in steps]
        self._assistant_tokens = [sum(lessons[index].assistant_tokens for index in step) for step in steps]
        self._on_step = on_step
        self._began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, *_: Any, **__: Any) -> None:  # noqa: ARG002
        """One line in the log."""
        step = state.global_step
        seconds, tokens = time.monotonic() - self._began, self._tokens[step - 1]
        line = LogLine(
            step=step,
            loss=self.trainer.loss,
            learning_rate=self.trainer.learning_rate,
            tokens=tokens,
            assistant_tokens=self._assistant_tokens[step - 1],
            seconds=round(seconds, 3),
            tokens_per_second=round(tokens / seconds, 1),
        )
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        self._on_step(sum(self._tokens[:step]))

    def on_save(self, args: Any, state: TrainerState, *_: Any, **__: Any) -> None:
        """Seal what was just written."""
        seal(Path(args.output_dir) / f"{PREFIX}{state.global_step}")


def _arguments(sft: Sft, folder: Path, steps: int, device: torch.device) -> TrainingArguments:
    """AdamW without decay, gradients clipped at norm 1; one item of the data set per step."""
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=sft.learning_rate,
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch",
        save_strategy="steps",
        save_steps=sft.save_steps,
        save_total_limit=2,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=device.type == "cpu",
        seed=sft.seed,
    )


def _factor(step: int, warmup: int, steps: int) -> float:
    """Share of the peak rate at a step (from 0): linear up to the peak at step `warmup`, then linear towards zero.

    No step is taken at rate zero: with twenty steps in all, one lost is a twentieth of the training.
    """
    return (step + 1) / (warmup + 1) if step < warmup else (steps - step) / (steps - warmup)


def _keep_log(log: Path, done: int) -> None:
    """Drop what a killed run logged after its last whole checkpoint: those steps are taken again."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    write_text(log, "".join(lines[:done]))
