import pytest

from yelian.core.digest import canonical_json, digest, file_digest, record_id


def test_a_joined_word_and_two_words_have_different_digests():
    assert digest(["a-b"]) != digest(["a", "b"])


def test_the_order_of_keys_does_not_matter_and_the_order_of_items_does():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])


def test_whole_numbers_floats_words_and_booleans_are_told_apart():
    assert len({digest(value) for value in (1, 1.0, "1", True, None)}) == 5


def test_canonical_json_is_one_line_of_utf8_text_without_spaces():
    assert canonical_json({"标题": [1, 0.001, None]}) == '{"标题":[1,0.001,null]}'


def test_nan_has_no_canonical_form():
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))


def test_an_id_is_its_kind_and_twenty_hex_digits_and_the_same_on_any_machine():
    # sha256 of the UTF-8 bytes of ["a","","文"], as `printf '["a","","文"]' | sha256sum` prints it
    assert record_id("doc", ["a", "", "文"]) == "doc-a6ab4632624ad66c6193"


def test_a_file_has_the_sha256_that_sha256sum_prints(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert file_digest(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
