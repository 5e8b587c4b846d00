import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from yelian.text.decode import DecodeError, damage, decode, score

NEWS = "三月七日首班车起，市公交集团对十二条线路作出调整，每天有四万六千名乘客的出行受到影响。"
TRADITIONAL = "三月七日首班車起，市公車集團對十二條路線作出調整，每天有四萬六千名乘客的出門受到影響。"

COMMON = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工"
# Without repetition: 一一一一 in GB18030 is also valid UTF-8 (һһһһ), and UTF-8 wins without a contest.
everyday = st.lists(st.sampled_from(COMMON), min_size=12, unique=True).map("".join)


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("gb18030", "gb18030"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_simplified_text_comes_back_from_every_encoding(codec, encoding):
    decoded = decode(NEWS.encode(codec))
    assert (decoded.text, decoded.encoding) == (NEWS, encoding)


def test_a_byte_order_mark_is_believed_and_taken_off():
    decoded = decode(b"\xff\xfe" + "短".encode("utf-16-le"))
    assert (decoded.text, decoded.encoding) == ("短", "utf-16-le")
    assert decode(b"\xfe\xff" + "短".encode("utf-16-be")).encoding == "utf-16-be"


def test_big5_is_not_taken_for_gb18030_although_it_decodes_as_such():
    data = TRADITIONAL.encode("big5")
    assert data.decode("gb18030") != TRADITIONAL  # no error, other characters
    decoded = decode(data)
    assert (decoded.text, decoded.encoding) == (TRADITIONAL, "big5")


def test_traditional_text_in_gb18030_is_not_taken_for_big5():
    decoded = decode(TRADITIONAL.encode("gb18030"))
    assert (decoded.text, decoded.encoding) == (TRADITIONAL, "gb18030")


@pytest.mark.parametrize("title", ["市图书馆延长开放时间", "春茶开采，均价上涨一成", "GDP同比增长5.2%"])
def test_a_title_alone_is_enough_evidence(title):
    assert decode(title.encode("gb18030")).text == title
    assert decode(title.encode("utf-16-le")).text == title


@given(everyday)
def test_everyday_text_round_trips_through_all_four_families(text):
    for codec in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        assert decode(text.encode(codec)).text == text


@given(st.text())
def test_whatever_is_sound_text_comes_back_from_utf_8(text):
    assume("\0" not in text and damage(text) == 0 and not text.startswith("\ufeff"))
    assert decode(text.encode("utf-8")).text == text


def refusal(data: bytes) -> str | None:
    try:
        decode(data)
    except DecodeError as error:
        return error.reason
    return None


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused_with_a_reason(data):
    assert refusal(data) in (None, "undecodable", "garbled", "binary")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(5_000), "binary"),
        (b"PK\x03\x04\x00\x00\x08\x00abc\x00\xff" * 20, "binary"),
        (NEWS.encode("utf-8") + b"\0\0\0" * 30, "binary"),
        (b"\xff\xff\x80\xfa\xff\x80 \xff\x80", "undecodable"),
        ("春の全国交通安全運動が始まり、各地で出発式が行われた。".encode("shift_jis"), "garbled"),
        ("锟斤拷锟斤拷，这一段曾经是别的文字。".encode(), "garbled"),
        ("\ufffd\ufffd\ufffd，这一段丢了三个字。".encode(), "garbled"),
        (b"\xff\xfe\x00\xd8\x41\x00", "undecodable"),
    ],
)
def test_what_is_no_text_is_refused_with_its_reason(data, reason):
    assert refusal(data) == reason


def test_a_few_odd_characters_do_not_condemn_a_long_text():
    assert decode((NEWS * 2 + "\ufffd\x07").encode()).encoding == "utf-8"


def test_the_score_parts_the_right_reading_from_the_wrong_one():
    data = TRADITIONAL.encode("big5")
    assert score(data.decode("cp950")) == 1.0
    assert score(data.decode("gb18030")) < 0.6
    assert score("plain ASCII") == 1.0


def test_no_bytes_are_no_text_and_no_error():
    assert decode(b"").text == ""
