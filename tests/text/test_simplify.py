from yelian.text.simplify import simplify, traditional_share


def test_characters_and_phrases_become_simplified_and_punctuation_stays():
    assert simplify("乾隆年間，著名作家說：「瞭解了乾淨的頭髮。」") == "乾隆年间，著名作家说：「了解了干净的头发。」"


def test_simplified_text_stays_as_it_is():
    assert simplify("头发、皇后、干燥、里程") == "头发、皇后、干燥、里程"


def test_the_share_tells_traditional_text_from_a_name_in_simplified_text():
    assert traditional_share("漁港的最後一間製冰廠，開始賣冰給咖啡館") > 0.3
    assert 0 < traditional_share("手塚治虫的漫画展周六在市美术馆开幕，展出原稿一百二十张，展期到年底。") < 0.05
    assert traditional_share("no ideographs") == 0.0
