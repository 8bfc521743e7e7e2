"""Exact numbers: parsing, writing and rounding of prices, quantities and money.

A binary float never becomes money here: parsing takes text, int or Decimal only.
"""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext

from pi5.domain.errors import InvalidInput

ZERO = Decimal(0)
# Plain digits only: "1e5", "NaN", "+1" and digits of other scripts are refused, and the
# length is bounded.
_PLAIN = re.compile(r"-?[0-9]{1,24}(\.[0-9]{1,18})?", re.ASCII)
# Sums of products of such numbers stay exact within this precision.
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def parse_decimal(text: str, field: str = "value") -> Decimal:
    """Read a plain decimal such as "-12.50".

    Raises:
        InvalidInput: NOT_A_DECIMAL, when it is anything else.

    >>> parse_decimal("-12.50")
    Decimal('-12.50')
    >>> parse_decimal("1e5")
    Traceback (most recent call last):
    pi5.domain.errors.InvalidInput: value must be a plain decimal such as 12.5, not '1e5'
    """
    if not _PLAIN.fullmatch(text):
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise InvalidInput(
            "NOT_A_DECIMAL",
            f"{field} must be a plain decimal such as 12.5, not {shown!r}",
            field=field,
        )
    return Decimal(text)


def optional_decimal(text: str, field: str = "value") -> Decimal | None:
    """Read a plain decimal; empty text is None."""
    return parse_decimal(text, field) if text else None


def wire(value: Decimal | None) -> str:
    """Write a decimal in plain digits without needless zeros; None is empty text.

    >>> wire(Decimal("1.500")), wire(Decimal("1E+3")), wire(Decimal("-0.00")), wire(None)
    ('1.5', '1000', '0', '')
    """
    if value is None:
        return ""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether `value` lies on the grid of `step`.

    >>> is_multiple(Decimal("1.25"), Decimal("0.05")), is_multiple(Decimal("1.26"), Decimal("0.05"))
    (True, False)
    """
    with localcontext(EXACT):
        return value % step == 0


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """Round towards zero to the grid of `step`, keeping the step's decimal places.

    >>> round_down(Decimal("7.77"), Decimal("0.5"))
    Decimal('7.5')
    """
    with localcontext(EXACT):
        return (value / step).to_integral_value(rounding=ROUND_DOWN) * step


def round_cents(value: Decimal, places: int = 2) -> Decimal:
    """Round half to even to `places` decimals, as fees are.

    >>> round_cents(Decimal("0.125"))
    Decimal('0.12')
    """
    with localcontext(EXACT):
        return value.quantize(Decimal(1).scaleb(-places))


def scale_of(step: Decimal) -> int:
    """Return the number of decimal places of a step.

    >>> scale_of(Decimal("0.010")), scale_of(Decimal("5"))
    (2, 0)
    """
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def to_ticks(value: Decimal, scale: int) -> int:
    """Turn a decimal into an integer count of 10^-scale; it must lie on that grid.

    >>> to_ticks(Decimal("12.34"), 2)
    1234
    """
    with localcontext(EXACT):
        scaled = value.scaleb(scale)
        integer = int(scaled)
        if scaled != integer:
            raise InvalidInput(
                "WRONG_PRECISION", f"{wire(value)} has more than {scale} decimal places"
            )
        return integer


def from_ticks(ticks: int, scale: int) -> Decimal:
    """Turn an integer count of 10^-scale back into a decimal.

    >>> from_ticks(1234, 2)
    Decimal('12.34')
    """
    with localcontext(EXACT):
        return Decimal(ticks).scaleb(-scale)
