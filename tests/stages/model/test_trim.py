from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from stages.model.material import ONE_THREAD, artifact, as_rows, document, instruct, talks
from support import recipe, run_stage
from yelian.core import records
from yelian.core.records import Document
from yelian.engine.stage import Artifact
from yelian.llm.weights import load_tokenizer, load_weights
from yelian.stages.model.trim import Trim

HELD_OUT = "这需要规划者的耐心 short model of the data"


def stage(general_words: int = 20) -> Trim:
    made = Trim.from_recipe(recipe(Path(), model={"base": "tiny", "trim": {"general_words": general_words}}))
    assert made is not None
    return made


def inputs(base: Artifact, folder: Path, held_out: str = HELD_OUT) -> dict[str, Artifact]:
    clean = artifact(
        folder / "clean",
        "documents",
        train=records.table(Document, [document(1, "春节假期，新品上市发布会在上海举行。quick")]),
        held_out=records.table(Document, [document(2, held_out)]),
    )
    return {"model.base": base, "corpus.clean": clean, "instruct.build": instruct(folder / "instruct", talks())}


@pytest.fixture(scope="module", params=["gemma", "llama"])
def trimmed(
    request: pytest.FixtureRequest, bases: Mapping[str, Artifact], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Artifact, Artifact]:
    base, folder = bases[request.param], tmp_path_factory.mktemp("trim")
    return base, run_stage(stage(), folder / "out", inputs(base, folder), ONE_THREAD)


def test_kept_logits_are_those_of_the_base_bit_by_bit(trimmed: tuple[Artifact, Artifact]) -> None:
    base, cut = trimmed
    old_ids = [row["old_id"] for row in as_rows(cut, "vocabulary")]
    some = torch.tensor([[3, 7, len(old_ids) - 1, 11, 40]])
    after = load_weights(cut.path / "model")(some).logits
    before = load_weights(base.path / "model")(torch.tensor(old_ids)[some]).logits
    assert torch.equal(after, before[..., old_ids])


def test_embedding_and_head_stay_tied(trimmed: tuple[Artifact, Artifact]) -> None:
    model = load_weights(trimmed[1].path / "model")
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert (
        model.config.vocab_size
        == model.get_input_embeddings().weight.shape[0]
        == len(as_rows(trimmed[1], "vocabulary"))
    )


def test_an_untied_head_is_cut_too(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    source = bases["llama"].path / "model"
    config = load_weights(source).config
    config.tie_word_embeddings = False
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "base" / "model")
    load_tokenizer(source).save_pretrained(tmp_path / "base" / "model")
    base = Artifact("base", tmp_path / "base", {})
    cut = run_stage(stage(), tmp_path / "out", inputs(base, tmp_path), ONE_THREAD)
    old_ids = [row["old_id"] for row in as_rows(cut, "vocabulary")]
    before, after = load_weights(base.path / "model"), load_weights(cut.path / "model")
    assert torch.equal(after.lm_head.weight, before.lm_head.weight[old_ids])
    assert torch.equal(after.model.embed_tokens.weight, before.model.embed_tokens.weight[old_ids])


def test_every_token_of_the_base_is_kept_or_dropped_with_its_piece(trimmed: tuple[Artifact, Artifact]) -> None:
    base, cut = trimmed
    kept = {row["piece"] for row in as_rows(cut, "vocabulary")}
    dropped = {row["detail"]: row["reason"] for row in as_rows(cut, "removed")}
    assert kept | set(dropped) == set(load_tokenizer(base.path / "model").get_vocab())
    assert not kept & set(dropped)
    assert set(dropped.values()) == {"not_needed"}
    assert cut.ledger.read == len(kept) + len(dropped)


def test_special_ids_are_the_same_tokens_as_before(trimmed: tuple[Artifact, Artifact]) -> None:
    base, cut = (load_tokenizer(each.path / "model") for each in trimmed)
    assert cut.special_tokens_map == base.special_tokens_map
    for name in ("config.json", "generation_config.json"):
        before, after = (json.loads((each.path / "model" / name).read_text()) for each in trimmed)
        for key in ("bos_token_id", "eos_token_id", "pad_token_id"):
            assert cut.convert_ids_to_tokens(after[key]) == base.convert_ids_to_tokens(before[key])


def test_a_special_token_that_moves_keeps_its_meaning(gemma: Path, tmp_path: Path) -> None:
    """<pad> changes places with the last piece of the vocabulary, which no text here needs."""
    model = shutil.copytree(gemma, tmp_path / "base" / "model")
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))
    last = max(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    tokenizer["model"]["vocab"] |= {"<pad>": 749, last: 0}
    tokenizer["added_tokens"][0]["id"] = 749
    (model / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    for name in ("config.json", "generation_config.json"):
        config = json.loads((model / name).read_text(encoding="utf-8"))
        (model / name).write_text(json.dumps({**config, "pad_token_id": 749}), encoding="utf-8")
    cut = run_stage(stage(0), tmp_path / "out", inputs(Artifact("base", tmp_path / "base", {}), tmp_path), ONE_THREAD)
    pad = load_tokenizer(cut.path / "model").convert_tokens_to_ids("<pad>")
    assert 0 < pad < 749
    for name in ("config.json", "generation_config.json"):
        assert json.loads((cut.path / "model" / name).read_text())["pad_token_id"] == pad


def test_held_out_texts_choose_nothing(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    one = run_stage(stage(), tmp_path / "a" / "out", inputs(bases["gemma"], tmp_path / "a"), ONE_THREAD)
    two = run_stage(stage(), tmp_path / "b" / "out", inputs(bases["gemma"], tmp_path / "b", "别的"), ONE_THREAD)
    assert as_rows(one, "vocabulary") == as_rows(two, "vocabulary")
    assert one.metrics["held_out_tokens_per_character"] != two.metrics["held_out_tokens_per_character"]


def test_the_metrics_say_what_it_saved_and_what_it_cost(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    cut = run_stage(stage(), tmp_path / "out", inputs(bases["gemma"], tmp_path), ONE_THREAD)
    saved = cut.metrics["vocabulary_before"] - cut.metrics["vocabulary"]
    assert cut.metrics["vocabulary_before"] == 750
    assert cut.metrics["parameters_before"] - cut.metrics["parameters"] == 32 * saved > 0
    whole = load_tokenizer(bases["gemma"].path / "model").encode(HELD_OUT, add_special_tokens=False)
    assert cut.metrics["held_out_tokens_per_character_before"] == round(len(whole) / len(HELD_OUT), 4)
    assert cut.metrics["held_out_tokens_per_character"] > cut.metrics["held_out_tokens_per_character_before"]


def test_more_general_words_keep_more(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    none, some = (
        run_stage(stage(words), tmp_path / f"out{words}", inputs(bases["gemma"], tmp_path / f"in{words}"), ONE_THREAD)
        for words in (0, 50)
    )
    assert none.metrics["vocabulary"] < some.metrics["vocabulary"]


def test_without_a_trim_section_there_is_no_such_stage() -> None:
    assert Trim.from_recipe(recipe(Path(), model={"base": "tiny"})) is None


def test_a_second_call_after_a_kill_reports_the_same_figures(bases: Mapping[str, Artifact], tmp_path: Path) -> None:
    given = inputs(bases["gemma"], tmp_path)
    first = run_stage(stage(), tmp_path / "out", given, ONE_THREAD)
    again = run_stage(stage(), tmp_path / "out", given, ONE_THREAD)
    assert again.metrics == first.metrics
    assert again.ledger == first.ledger
