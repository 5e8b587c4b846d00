import pytest

from yelian.stages.release.terms import terms_of

UNKNOWN = {"licence": "unknown", "terms": None}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    return tmp_path


def test_gemma_is_known_by_name_and_by_its_config(folder, tmp_path):
    by_name = terms_of({"name": "gemma3-270m", **UNKNOWN}, folder)
    assert (by_name.title, by_name.hub_licence, by_name.hub_id) == (
        "Gemma Terms of Use", "gemma", "google/gemma-3-270m",
    )  # fmt: skip
    (tmp_path / "config.json").write_text('{"model_type": "gemma3_text"}')
    assert terms_of({"name": "our-base", **UNKNOWN}, tmp_path).hub_id == "our-base"


def test_smollm2_is_apache(folder):
    terms = terms_of({"name": "smollm2-135m", **UNKNOWN}, folder)
    assert (terms.hub_licence, terms.hub_id) == ("apache-2.0", "HuggingFaceTB/SmolLM2-135M-Instruct")


def test_a_stated_licence_is_passed_on(folder):
    terms = terms_of({"name": "other", "licence": "MIT", "terms": "https://example.org/mit"}, folder)
    assert (terms.title, terms.link, terms.hub_licence, terms.notice) == (
        "MIT",
        "https://example.org/mit",
        "other",
        None,
    )


def test_an_unknown_base_has_no_terms(folder):
    assert terms_of({"name": "other", **UNKNOWN}, folder) is None
