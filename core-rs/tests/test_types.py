"""Decimals to ticks and back."""

from decimal import Decimal

import pi5_core as core
import pytest
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
def test_a_decimal_comes_back_as_it_went(value: Decimal) -> None:
    """Nothing is rounded on the way."""
    scale = core.Scale("0.0001")
    ticks = scale.ticks(value)
    assert ticks == value.scaleb(4)
    assert scale.decimal(ticks) == value
    assert scale.ticks(scale.text(ticks)) == ticks


def test_ints_text_and_exponents_are_welcome() -> None:
    """Whatever has the exact figure."""
    scale = core.Scale(Decimal("0.05"))
    assert [scale.ticks(x) for x in (3, "3.10", Decimal("1E+3"))] == [60, 62, 20_000]
    assert (scale.text(-61), scale.precision) == ("-3.05", 2)
    assert core.Scale("0.05") == scale


@pytest.mark.parametrize("value", [1.5, None, b"1", 1 + 2j])
def test_a_float_is_refused_where_money_is_meant(value: object) -> None:
    """It has lost the exact figure already."""
    with pytest.raises(TypeError, match="money"):
        core.Scale("0.5").ticks(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("0.7", "TOO_PRECISE"),
        ("1e3", "NOT_A_DECIMAL"),
        (Decimal("NaN"), "NOT_A_DECIMAL"),
        (10**30, "OUT_OF_RANGE"),
    ],
)
def test_what_is_no_whole_number_of_ticks_is_refused_with_its_code(
    value: object, code: str
) -> None:
    """The reason is stable."""
    with pytest.raises(ValueError, match=code):
        core.Scale("0.5").ticks(value)  # type: ignore[arg-type]
