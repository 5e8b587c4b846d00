"""The fixed question set that every model of a domain answers: a YAML file, checked strictly, with lines.

    questions:
      - id: headline-bridge
        task: MU01
        messages:
          - role: user
            content: ...

A set is named (`quickstart`, from `domains/<domain>/questions/`) or given as a `.yaml` path relative to the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import cast

import yaml

from yelian.core.digest import record_id
from yelian.core.errors import RecipeError
from yelian.core.nearest import did_you_mean
from yelian.core.records import Message
from yelian.recipe.schema import Recipe

KEY = ("assay", "questions")
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `id` is a digest, `name` the id in the file."""

    id: str
    name: str
    task: str
    messages: list[Message]


def question_file(recipe: Recipe) -> Path:
    """Where the recipe's question set lies. RecipeError when there is no such set or file."""
    wanted = recipe.assay.questions
    if wanted.endswith(SUFFIXES):
        path = recipe.folder / wanted
        if not path.is_file():
            beside = [each.name for suffix in SUFFIXES for each in path.parent.glob(f"*{suffix}")]
            raise RecipeError(f"no question file at {path}", fix=did_you_mean(path.name, sorted(beside)), key=KEY)
        return path
    folder = Path(str(resources.files("yelian.domains"))) / recipe.domain / "questions"
    path = folder / f"{wanted}.yaml"
    known = sorted(each.stem for each in folder.glob("*.yaml"))
    if wanted not in known:
        raise RecipeError(
            f"the domain {recipe.domain!r} has no question set {wanted!r}", fix=did_you_mean(wanted, known), key=KEY
        )
    return path


def read_questions(path: Path) -> list[Question]:
    """The questions of a file, in its order. RecipeError with file and line of the first mistake."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 (byte {error.start})", fix="save it as UTF-8", key=KEY) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(f"{path}:{line}: not valid YAML: {error.problem}", fix="mend that line", key=KEY) from error
    if root is None:
        raise RecipeError(f"{path} is empty", fix="add a list named 'questions'", key=KEY)
    reader = _Reader(path)
    return [reader.question(node) for node in reader.entries(reader.mapping(root, ("questions",))["questions"])]


class _Reader:
    """Turns YAML nodes into questions, and knows the line of each mistake."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()

    def question(self, node: yaml.Node) -> Question:
        fields = self.mapping(node, ("id", "task", "messages"))
        name, task = self.text(fields["id"]), self.text(fields["task"])
        if name in self._names:
            raise self.mistake(fields["id"], f"the id {name!r} is given twice", "give each question an id of its own")
        self._names.add(name)
        messages = list(self._messages(fields["messages"]))
        return Question(
            record_id("question", [name, [[m["role"], m["content"]] for m in messages]]), name, task, messages
        )

    def _messages(self, node: yaml.Node) -> Iterator[Message]:
        """Messages that a model can answer: an optional system message, then user and assistant in turn."""
        entries = self.entries(node)
        expected = "user"
        for number, entry in enumerate(entries):
            fields = self.mapping(entry, ("role", "content"))
            role = self.text(fields["role"])
            if role != expected and not (role == "system" and number == 0):
                raise self.mistake(fields["role"], f"role {role!r} stands where {expected!r} must", f"write {expected}")
            yield cast(Message, {"role": role, "content": self.text(fields["content"])})
            if role != "system":
                expected = "assistant" if role == "user" else "user"
        if expected != "assistant":
            raise self.mistake(entries[-1], "the last message must be the user's", "end with what is to be answered")

    def mapping(self, node: yaml.Node, keys: tuple[str, ...]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.mistake(node, "this must be a mapping", f"with the keys {', '.join(keys)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value not in keys:
                raise self.mistake(key, f"unknown key {key.value!r}", did_you_mean(str(key.value), keys))
            if key.value in found:
                raise self.mistake(key, f"{key.value!r} is given twice", "remove one of the two")
            found[key.value] = value
        for key in keys:
            if key not in found:
                raise self.mistake(node, f"{key!r} is missing", f"add {key}")
        return found

    def entries(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.mistake(node, "this must be a list with at least one entry", "write entries that start with '-'")
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str" or not node.value.strip():
            raise self.mistake(node, "this must be a text that is not empty", "write it in quotes")
        return cast(str, node.value)

    def mistake(self, node: yaml.Node, message: str, fix: str) -> RecipeError:
        return RecipeError(f"{self._path}:{node.start_mark.line + 1}: {message}", fix=fix, key=KEY)
