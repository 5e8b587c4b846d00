from yelian.text.figures import count, figure, percent, signed


def test_figures_have_the_decimals_of_their_unit_and_a_real_minus():
    assert figure(3.41, "bits/char") == "3.410"
    assert figure(-37.77, "chrF") == "−37.8"
    assert [signed(0.256, "share"), signed(-0.5, "bits/char")] == ["+0.256", "−0.500"]
    assert [signed(0.0, "share"), signed(-0.0001, "share")] == ["0.000", "0.000"]


def test_counts_and_shares():
    assert [count(1234567), percent(0.95), percent(0.975)] == ["1,234,567", "95%", "97.5%"]
