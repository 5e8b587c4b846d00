from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yelian.core.errors import InputError
from yelian.core.records import Message
from yelian.llm.chat import chat_of, chat_template, render, render_prompt

KINDS = ["gemma", "llama", "plain"]


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    return {"role": "assistant", "content": text}


SYSTEM: Message = {"role": "system", "content": "你是编辑。"}
TWO_TURNS = [SYSTEM, user("请写标题：新品 2025\n"), assistant("新品上市发布会🎉"), user("再来"), assistant("好")]


def test_the_gemma_format_written_out(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["gemma"]
    rendered = render(tokenizer, TWO_TURNS)
    assert tokenizer.decode(rendered.ids) == (
        "<bos><start_of_turn>user\n你是编辑。\n\n请写标题：新品 2025<end_of_turn>\n"
        "<start_of_turn>model\n新品上市发布会🎉<end_of_turn>\n"
        "<start_of_turn>user\n再来<end_of_turn>\n<start_of_turn>model\n好<end_of_turn>\n"
    )


def test_the_chatml_format_written_out(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["llama"]
    assert tokenizer.decode(render(tokenizer, TWO_TURNS[:3]).ids) == (
        "<|im_start|>system\n你是编辑。<|im_end|>\n<|im_start|>user\n请写标题：新品 2025<|im_end|>\n"
        "<|im_start|>assistant\n新品上市发布会🎉<|im_end|>\n"
    )


def test_the_plain_format_written_out(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["plain"]
    assert tokenizer.decode(render(tokenizer, TWO_TURNS[:3]).ids) == (
        "### System:\n你是编辑。\n\n### User:\n请写标题：新品 2025\n\n### Assistant:\n新品上市发布会🎉<|x_end|>\n\n"
    )


@pytest.mark.parametrize(
    ("kind", "learnt"),
    [
        ("gemma", "新品上市发布会🎉<end_of_turn>好<end_of_turn>"),
        ("llama", "新品上市发布会🎉<|im_end|>好<|im_end|>"),
        ("plain", "新品上市发布会🎉<|x_end|>好<|x_end|>"),
    ],
)
def test_the_mask_marks_exactly_the_answers_and_their_ends(tokenizers: dict[str, Any], kind: str, learnt: str) -> None:
    rendered = render(tokenizers[kind], TWO_TURNS)
    marked = [number for number, learn in zip(rendered.ids, rendered.mask, strict=True) if learn]
    assert tokenizers[kind].decode(marked) == learnt


def test_ids_and_mask_of_a_short_conversation_number_by_number(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["gemma"]
    rendered = render(tokenizer, [user("的"), assistant("市")])
    new_line, answer = (tokenizer.convert_tokens_to_ids(piece) for piece in ("\n", "市"))
    head = [2, 4, *tokenizer.encode("user\n的", add_special_tokens=False), 5, new_line, 4]
    head += tokenizer.encode("model\n", add_special_tokens=False)
    assert rendered.ids == [*head, answer, 5, new_line]
    assert rendered.mask == [*([False] * len(head)), True, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_is_the_beginning_of_the_conversation_with_its_answer(tokenizers: dict[str, Any], kind: str) -> None:
    whole = render(tokenizers[kind], TWO_TURNS)
    prompt = render_prompt(tokenizers[kind], TWO_TURNS[:-1])
    assert whole.ids[: len(prompt)] == prompt
    assert whole.mask[len(prompt)]
    assert not whole.mask[len(prompt) - 1]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_jinja_template_gives_the_same_ids_and_mask(tokenizers: dict[str, Any], kind: str, data: Any) -> None:
    text = st.text("春节新品 abc,2。\n🎉\t'\"{}\\", min_size=1, max_size=12).filter(str.strip)
    messages = [user(data.draw(text)), assistant(data.draw(text)), user(data.draw(text)), assistant(data.draw(text))]
    if data.draw(st.booleans()):
        messages = [{"role": "system", "content": data.draw(text)}, *messages]
    tokenizer = tokenizers[kind]
    theirs = tokenizer.apply_chat_template(
        messages, chat_template=chat_template(tokenizer), return_assistant_tokens_mask=True, return_dict=True
    )
    ours = render(tokenizer, messages)
    assert theirs["input_ids"] == ours.ids
    assert [bool(each) for each in theirs["assistant_masks"]] == ours.mask


@pytest.mark.parametrize("kind", KINDS)
def test_the_jinja_template_ends_a_prompt_where_the_answer_begins(tokenizers: dict[str, Any], kind: str) -> None:
    theirs = tokenizers[kind].apply_chat_template(
        TWO_TURNS[:2], chat_template=chat_template(tokenizers[kind]), add_generation_prompt=True, return_dict=True
    )
    assert theirs["input_ids"] == render_prompt(tokenizers[kind], TWO_TURNS[:2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forged", ["<end_of_turn>", "<start_of_turn>", "<bos>", "<|im_end|>", "<|x_end|>", "<eos>"])
def test_text_in_a_message_never_becomes_a_control_token(tokenizers: dict[str, Any], kind: str, forged: str) -> None:
    tokenizer = tokenizers[kind]
    special = set(tokenizer.all_special_ids) | {chat_of(tokenizer).end}
    clean, dirty = (render(tokenizer, [user(text), assistant(text)]) for text in ("好", forged))
    assert [each for each in dirty.ids if each in special] == [each for each in clean.ids if each in special]
    assert tokenizer.decode(dirty.ids).count(forged) >= 2


def test_a_tokenizer_that_lets_text_forge_a_turn_is_refused(tokenizers: dict[str, Any]) -> None:
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(tokenizers["plain"].backend_tokenizer.to_str())
    backend.add_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|x_end|>")
    with pytest.raises(InputError, match="forge a turn"):
        render(tokenizer, [user("好"), assistant("好")])


def test_a_tokenizer_without_any_end_is_refused(tokenizers: dict[str, Any]) -> None:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(tokenizers["plain"].backend_tokenizer.to_str())
    with pytest.raises(InputError, match="neither chat tokens nor an end-of-text token"):
        chat_of(PreTrainedTokenizerFast(tokenizer_object=backend))


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"role": "tool", "content": "x"}], "message 1 has the role 'tool'"),
        ([user("x"), assistant(" \n")], "message 2: the assistant's answer is empty"),
        ([user("x"), SYSTEM], "message 2 is a system message"),
        ([assistant("x")], "does not begin with a user's message"),
        ([SYSTEM, assistant("x")], "does not begin with a user's message"),
        ([], "does not begin with a user's message"),
    ],
)
def test_conversations_that_make_no_sense_are_refused(
    tokenizers: dict[str, Any], messages: list[Message], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        render(tokenizers["gemma"], messages)
