"""The tasks of a domain: one YAML file each, in the domain's `tasks` folder.

A new task that an existing method serves costs one file. `inputs` are the places that a prompt must fill.
"""

from __future__ import annotations

import string
from importlib import resources
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from yelian.core.errors import StageError
from yelian.stages.instruct.methods import METHODS

DOMAINS = "yelian.domains"


class Task(BaseModel):
    """One task: what it is called, what its class promises, how a pair is made, and how it is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Z]{2}\d{2}$")]
    zh: str
    en: str
    class_: Literal["OP", "RW", "MU", "QA"] = Field(alias="class", description="contract class of the taxonomy")
    contract: str = Field(description="what the class promises about facts and opinions")
    method: str = Field(description="the function that makes input and answer from an article")
    inputs: tuple[str, ...] = Field(min_length=1, description="what the prompt shows")
    output: str = Field(description="what the answer is")
    extractive: bool = Field(False, description="whether the answer is cut out of what the prompt shows")
    limits: dict[str, float] = Field(description="thresholds of the method")
    prompts: tuple[str, ...] = Field(min_length=3, description="phrasings, with {inputs} in braces")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.method not in METHODS:
            raise ValueError(f"unknown method {self.method!r}; known: {', '.join(METHODS)}")
        for prompt in self.prompts:
            places = {name for _, name, _, _ in string.Formatter().parse(prompt) if name is not None}
            if places != set(self.inputs):
                raise ValueError(f"a prompt fills {sorted(places)}, the inputs are {sorted(self.inputs)}")
        return self


def list_tasks(domain: str) -> list[Task]:
    """All tasks of a domain, by id."""
    folder = resources.files(DOMAINS).joinpath(domain, "tasks")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return [_load(file.name, file.read_text(encoding="utf-8")) for file in files]


def _load(name: str, text: str) -> Task:
    try:
        return Task.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise StageError(f"the task file {name} is not valid: {error}", fix="mend the task file") from error
