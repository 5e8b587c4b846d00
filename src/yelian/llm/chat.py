"""The one chat renderer: messages to token ids and a loss mask, for training, measuring and serving alike.

The format follows from the tokenizer's own control tokens: Gemma turns, ChatML, or plain headers where a tokenizer
has neither. Control tokens are placed by id; the text of a message is encoded with special tokens switched off, so
that a user who writes `<end_of_turn>` gets plain pieces and cannot forge a turn. Messages are stripped of white
space at both ends, as Gemma's own template does: no piece then spans a header and a message.

`chat_template` is the same format in Jinja, for other programs. It differs from `render` in one point it cannot
mend: a control token written inside a message is a control token there.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from yelian.core.errors import InputError
from yelian.core.records import Message

Tokenizer = Any  # a transformers PreTrainedTokenizerFast; the class is not imported here, to keep this module light


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids, and for each whether the model has to learn it: the assistant's words and its end of turn."""

    ids: list[int]
    mask: list[bool]


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write turns: `start header content end tail`, where start and end are control tokens or absent."""

    name: str
    start: str | None
    headers: dict[str, str]
    end: str | None
    tail: str
    folds_system: bool = False
    """There is no system turn: its text opens the first user turn."""


GEMMA = Format(
    "gemma", "<start_of_turn>", {"user": "user\n", "assistant": "model\n"}, "<end_of_turn>", "\n", folds_system=True
)
CHATML = Format(
    "chatml",
    "<|im_start|>",
    {"system": "system\n", "user": "user\n", "assistant": "assistant\n"},
    "<|im_end|>",
    "\n",
)
PLAIN = Format(
    "plain", None, {"system": "### System:\n", "user": "### User:\n", "assistant": "### Assistant:\n"}, None, "\n\n"
)


@dataclass(frozen=True, slots=True)
class Chat:
    """A tokenizer's format with the ids of its control tokens.

    `opening` stands before a conversation, `text_opening` before a raw text, `end` closes an assistant's turn, and
    `stops` are the ids at which a written answer is finished.
    """

    format: Format
    start: int | None
    end: int
    opening: tuple[int, ...]
    text_opening: tuple[int, ...]
    stops: tuple[int, ...]


_known: weakref.WeakKeyDictionary[Tokenizer, Chat] = weakref.WeakKeyDictionary()


def chat_of(tokenizer: Tokenizer) -> Chat:
    """How this tokenizer writes conversations; InputError when messages could not be kept apart with it."""
    if tokenizer not in _known:
        _known[tokenizer] = _chat(tokenizer)
    return _known[tokenizer]


def render(tokenizer: Tokenizer, messages: Sequence[Message]) -> Rendered:
    """A whole conversation. InputError for unknown roles, a misplaced system turn or an empty assistant turn."""
    _check(messages)
    chat = chat_of(tokenizer)
    return _encode(tokenizer, [*_opening(chat), *_turns(chat, messages)])


def render_prompt(tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """The ids up to where the assistant's answer to `messages` begins: a prefix of `render` with that answer."""
    _check(messages)
    chat = chat_of(tokenizer)
    header = chat.format.headers["assistant"]
    return _encode(tokenizer, [*_opening(chat), *_turns(chat, messages), *_head(chat, header)]).ids


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a plain text: nothing in it becomes a control token, nothing is added."""
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def chat_template(tokenizer: Tokenizer) -> str:
    """The format as a Jinja template with `generation` marks around what the mask of `render` marks."""
    chat = chat_of(tokenizer)
    text = chat.format
    opening = "".join(tokenizer.convert_ids_to_tokens(list(chat.opening)))
    end = tokenizer.convert_ids_to_tokens(chat.end)
    headers = {role: (text.start or "") + header for role, header in text.headers.items()}
    fold = _FOLD if text.folds_system else _NO_FOLD
    return (
        _TEMPLATE.replace("FOLD", fold)
        .replace("OPENING", _quoted(opening))
        .replace("HEADERS", "{" + ", ".join(f"{_quoted(k)}: {_quoted(v)}" for k, v in headers.items()) + "}")
        .replace("ASSISTANT_END", _quoted(end))
        .replace("OTHER_END", _quoted(text.end or ""))
        .replace("TAIL", _quoted(text.tail))
    )


_FOLD = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set folded.text = messages[0]['content'] | trim + '\\n\\n' -%}{%- set turns = messages[1:] -%}"
    "{%- else -%}{%- set turns = messages -%}{%- endif -%}"
)
_NO_FOLD = "{%- set turns = messages -%}"
_TEMPLATE = (
    "{%- set headers = HEADERS -%}{%- set folded = namespace(text='') -%}"
    "FOLD"
    "{{- OPENING -}}"
    "{%- for message in turns -%}"
    "{%- if message['role'] not in headers -%}"
    "{{- raise_exception('unknown role: ' + message['role']) -}}{%- endif -%}"
    "{{- headers[message['role']] -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] | trim + ASSISTANT_END -}}{%- endgeneration -%}"
    "{%- else -%}{{- folded.text + message['content'] | trim + OTHER_END -}}{%- set folded.text = '' -%}{%- endif -%}"
    "{{- TAIL -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- headers['assistant'] -}}{%- endif -%}"
)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _chat(tokenizer: Tokenizer) -> Chat:
    backend = tokenizer.backend_tokenizer
    known = [text for text in (GEMMA, CHATML) if all(_id(backend, name) is not None for name in (text.start, text.end))]
    text = known[0] if known else PLAIN
    end = _id(backend, text.end or tokenizer.eos_token)
    if end is None:
        raise InputError(
            "the tokenizer has neither chat tokens nor an end-of-text token, so no answer could ever end",
            fix="give the model's tokenizer_config.json an eos_token",
        )
    start = _id(backend, text.start)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    adds_bos = bos is not None and tokenizer.encode("")[:1] == [bos]
    opening = (bos,) if adds_bos or (text is GEMMA and bos is not None) else ()
    separator = _id(backend, "<|endoftext|>") if text is CHATML else bos
    text_opening = opening or tuple(each for each in (separator, bos, eos) if each is not None)[:1]
    chat = Chat(text, start, end, opening, text_opening, tuple({each: None for each in (end, eos) if each is not None}))
    _check_control(tokenizer, {each for each in (start, end, bos, eos) if each is not None})
    return chat


def _check_control(tokenizer: Tokenizer, control: set[int]) -> None:
    for number in sorted(control):
        name = tokenizer.convert_ids_to_tokens(number)
        if number in encode_text(tokenizer, name):
            raise InputError(
                f"the tokenizer turns the plain text {name!r} into its control token, so any text could forge a turn",
                fix=f"mark {name!r} as special in the added_tokens of the model's tokenizer.json",
            )


def _id(backend: Any, name: str | None) -> int | None:
    return None if name is None else backend.token_to_id(name)


def _check(messages: Sequence[Message]) -> None:
    for index, message in enumerate(messages):
        role = message["role"]
        if role not in ("system", "user", "assistant"):
            raise InputError(
                f"message {index + 1} has the role {role!r}", fix="use the roles system, user and assistant"
            )
        if role == "system" and index > 0:
            raise InputError(
                f"message {index + 1} is a system message", fix="a system message can only open a conversation"
            )
        if role == "assistant" and not message["content"].strip():
            raise InputError(f"message {index + 1}: the assistant's answer is empty", fix="drop the conversation")
    if not any(message["role"] == "user" for message in messages[:2]):
        raise InputError("the conversation does not begin with a user's message", fix="begin with one")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A control token (an id) or a stretch of text, and whether it is to be learnt."""

    content: int | str
    learn: bool = False


def _opening(chat: Chat) -> list[_Piece]:
    return [_Piece(number) for number in chat.opening]


def _head(chat: Chat, header: str) -> list[_Piece]:
    return [*([] if chat.start is None else [_Piece(chat.start)]), _Piece(header)]


def _turns(chat: Chat, messages: Sequence[Message]) -> Iterator[_Piece]:
    folded = ""
    for message in messages:
        role, content = message["role"], message["content"].strip()
        if role == "system" and chat.format.folds_system:
            folded = content + "\n\n"
            continue
        yield from _head(chat, chat.format.headers[role])
        if role == "assistant":
            yield from (_Piece(content, learn=True), _Piece(chat.end, learn=True))
        else:
            yield _Piece(folded + content)
            folded = ""
            if chat.format.end is not None:
                yield _Piece(chat.end)
        yield _Piece(chat.format.tail)


def _encode(tokenizer: Tokenizer, pieces: Iterable[_Piece]) -> Rendered:
    """Encode each stretch of text between control tokens and learnt text as one, as a whole-text encoder would."""
    ids, mask, waiting = list[int](), list[bool](), ""

    def put(numbers: Sequence[int], learn: bool) -> None:
        ids.extend(numbers)
        mask.extend([learn] * len(numbers))

    for piece in pieces:
        if isinstance(piece.content, str) and not piece.learn:
            waiting += piece.content
            continue
        if waiting:
            put(encode_text(tokenizer, waiting), False)
            waiting = ""
        put([piece.content] if isinstance(piece.content, int) else encode_text(tokenizer, piece.content), piece.learn)
    if waiting:
        put(encode_text(tokenizer, waiting), False)
    return Rendered(ids, mask)
