from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from yelian.core.errors import InputError
from yelian.stages.model.vocabulary import Kept, Vocabulary, named_tokens, renumber_config

KINDS = ["gemma", "llama"]
USED_TEXT = "春节假期全市接待游客，新品上市 the news 2025"
ANY_TEXT = st.text(max_size=30) | st.text(
    "春节假期新品上市龘鿭 the news\n\t2025🎉👩‍🚀é한の\x00\x7f▁<0xE6>", max_size=30
)


class Cut:
    """A whole and a cut tokenizer of one stand-in."""

    def __init__(self, folder: Path, general_words: int = 30) -> None:
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        self.whole = Tokenizer.from_str(text)
        self.vocabulary = Vocabulary(json.loads(text))
        used = set(self.encode(self.whole, USED_TEXT))
        self.kept: Kept = self.vocabulary.choose(used, general_words, set())
        self.json: dict[str, Any] = self.vocabulary.cut(self.kept)
        self.cut = Tokenizer.from_str(json.dumps(self.json, ensure_ascii=False))

    @staticmethod
    def encode(tokenizer: Tokenizer, text: str) -> list[int]:
        tokenizer.encode_special_tokens = True
        return list(tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.fixture(scope="module")
def cuts(gemma: Path, llama: Path) -> dict[str, Cut]:
    return {"gemma": Cut(gemma), "llama": Cut(llama)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_cut_vocabulary_is_smaller_and_its_ids_are_dense(cuts: dict[str, Cut], kind: str) -> None:
    cut = cuts[kind]
    assert sorted(cut.json["model"]["vocab"].values()) == list(range(len(cut.kept.old_ids)))
    assert len(cut.kept.old_ids) < cut.whole.get_vocab_size()
    assert len(cut.json["model"]["merges"]) < len(cut.vocabulary.merges)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT)
def test_every_string_still_round_trips(cuts: dict[str, Cut], kind: str, text: str) -> None:
    cut = cuts[kind]
    ids = cut.encode(cut.cut, text)
    whole = cut.whole.decode(cut.encode(cut.whole, text), skip_special_tokens=False)
    assert cut.cut.decode(ids, skip_special_tokens=False) == whole
    if "▁" not in text:  # Gemma's own tokenizer reads this sign as a space
        assert whole == text


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_text_of_kept_pieces_is_encoded_as_before(cuts: dict[str, Cut], kind: str, data: Any) -> None:
    cut = cuts[kind]
    words = st.sampled_from([*USED_TEXT.split(), *USED_TEXT, "\n", " "])
    text = "".join(data.draw(st.lists(words, max_size=20)))
    before, new = cut.encode(cut.whole, text), cut.kept.new_ids
    if all(number in new for number in before):
        assert cut.encode(cut.cut, text) == [new[number] for number in before]


@pytest.mark.parametrize("kind", KINDS)
def test_the_texts_that_chose_the_vocabulary_are_encoded_as_before(cuts: dict[str, Cut], kind: str) -> None:
    cut = cuts[kind]
    new = cut.kept.new_ids
    assert cut.encode(cut.cut, USED_TEXT) == [new[each] for each in cut.encode(cut.whole, USED_TEXT)]


def test_control_tokens_bytes_and_common_characters_stay(cuts: dict[str, Cut]) -> None:
    cut = cuts["gemma"]
    stayed = {cut.vocabulary.pieces[old]: cut.kept.reasons[old] for old in cut.kept.old_ids}
    assert {piece for piece, reason in stayed.items() if reason == "control"} == {
        "<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>",
    }  # fmt: skip
    assert sum(reason == "byte" for reason in stayed.values()) == 256
    assert stayed["烟"] == stayed["，"] == stayed["T"] == "character"


def test_the_post_processor_and_the_added_tokens_get_new_numbers(gemma: Path) -> None:
    tokenizer = json.loads((gemma / "tokenizer.json").read_text(encoding="utf-8"))
    shifted = json.loads(json.dumps(tokenizer))
    pieces = ["<unused0>", *sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)]
    shifted["model"]["vocab"] = {piece: number for number, piece in enumerate(pieces)}
    for entry in shifted["added_tokens"]:
        entry["id"] += 1
    shifted["added_tokens"].append({**shifted["added_tokens"][0], "content": "<unused0>", "id": 0})
    shifted["post_processor"]["special_tokens"]["<bos>"]["ids"] = [3]
    vocabulary = Vocabulary(shifted)
    cut = vocabulary.cut(vocabulary.choose(set(), 0, set()))
    assert "<unused0>" not in cut["model"]["vocab"]
    assert [(entry["content"], entry["id"]) for entry in cut["added_tokens"]][2] == ("<bos>", 2)
    assert cut["post_processor"]["special_tokens"]["<bos>"]["ids"] == [2]
    named = vocabulary.choose(set(), 0, {"<unused0>"})
    assert "<unused0>" in vocabulary.cut(named)["model"]["vocab"]


def test_pairs_in_bert_like_processors_get_new_numbers(gemma: Path) -> None:
    tokenizer = json.loads((gemma / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["post_processor"] = {
        "type": "Sequence",
        "processors": [{"type": "BertProcessing", "sep": ["<eos>", 1], "cls": ["<bos>", 2]}],
    }
    vocabulary = Vocabulary(tokenizer)
    kept = Kept([0, 2, 1], {0: "control", 1: "control", 2: "control"})
    processor = vocabulary.cut(kept)["post_processor"]["processors"][0]
    assert (processor["sep"], processor["cls"]) == (["<eos>", 2], ["<bos>", 1])


def test_a_chain_holds_every_intermediate_piece() -> None:
    tokenizer = {
        "added_tokens": [],
        "pre_tokenizer": None,
        "model": {
            "type": "BPE",
            "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5, "abca": 6},
            "merges": ["b c", "a b", "a bc", "ab c"],
        },
    }
    vocabulary = Vocabulary(tokenizer)
    assert vocabulary.chain("abc") == {"a", "b", "c", "bc", "abc"}  # by way of bc, whose join comes first
    assert vocabulary.chain("abca") is None  # no join makes it
    assert vocabulary.chain("x") is None


def test_the_general_list_is_chinese_by_rank_then_ascii_by_rank() -> None:
    pieces = ["t", "h", "e", "中", "国", "新", "闻", "に", "th", "中国", "the", "に中", "新闻"]
    tokenizer = {
        "added_tokens": [],
        "pre_tokenizer": None,
        "model": {
            "type": "BPE",
            "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": ["t h", "中 国", "th e", "に 中", "新 闻"],
        },
    }
    assert Vocabulary(tokenizer).general(10) == ["中国", "新闻", "th", "the"]
    assert Vocabulary(tokenizer).general(3) == ["中国", "新闻", "th"]


def test_no_join_may_end_in_a_control_token(gemma: Path) -> None:
    tokenizer = json.loads((gemma / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"] |= {"<bos": 750, ">": 751, ">>": 752}
    tokenizer["model"]["merges"] += [["<bos", ">"], [">", ">"]]
    vocabulary = Vocabulary(tokenizer)
    kept = vocabulary.choose({750, 752}, 0, set())
    merges = vocabulary.cut(kept)["model"]["merges"]
    assert [">", ">"] in merges
    assert ["<bos", ">"] not in merges


def test_a_vocabulary_that_is_not_bpe_is_refused() -> None:
    with pytest.raises(InputError, match="of type Unigram"):
        Vocabulary({"model": {"type": "Unigram"}})


def test_every_token_id_of_a_configuration_is_renumbered() -> None:
    config = {
        "eos_token_id": [7, 3],
        "pad_token_id": 0,
        "image_token_id": 9,
        "vocab_size": 10,
        "suppress_tokens": [9, 3],
    }
    assert renumber_config(config, {0: 0, 3: 1, 7: 2}) == {
        "eos_token_id": [2, 1],
        "pad_token_id": 0,
        "image_token_id": None,
        "suppress_tokens": [1],
    }


def test_all_names_in_a_tokenizer_configuration_are_found() -> None:
    config = {"eos_token": "<e>", "extra": ["<a>", {"content": "<b>"}], "model_max_length": 3}
    assert set(named_tokens(config)) == {"<e>", "<a>", "<b>"}
