"""Declared parameters: read from text or values, refused with a sentence."""

from __future__ import annotations

import pytest
from pi5.domain.errors import InvalidInput
from pi5.strategy.api import Parameter, Strategy
from pi5.strategy.library.ma_crossover import MovingAverageCrossover
from pi5.strategy.plugin import build, parse_parameters


class Everything(Strategy):
    name = "everything"
    description = "Has a parameter of each kind."
    count = Parameter(3, minimum=1, maximum=9)
    share = Parameter(0.5, minimum=0.0, maximum=1.0)
    word = Parameter("close")
    eager = Parameter(default=False)


def test_defaults_are_filled_in_and_text_is_read() -> None:
    """Parameters come as text from the contract and as values from the configuration."""
    made = build(Everything, {"count": "7", "share": 1, "eager": "true"})
    assert (made.count, made.share, made.word, made.eager) == (7, 1.0, "close", True)
    assert isinstance(made.share, float)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"count": "ten"}, "count must be a whole number from 1 to 9, not 'ten'"),
        ({"count": 10}, "count must be a whole number from 1 to 9, not 10"),
        ({"count": 2.5}, "count must be a whole number from 1 to 9, not 2.5"),
        ({"count": True}, "count must be a whole number from 1 to 9, not True"),
        ({"share": "nan"}, "share must be a number from 0.0 to 1.0, not 'nan'"),
        ({"share": "inf"}, "share must be a number from 0.0 to 1.0, not 'inf'"),
        ({"eager": "maybe"}, "eager must be true or false, not 'maybe'"),
        ({"word": "x" * 300}, "word must be a text"),
        ({"cuont": 3}, "everything has no parameter 'cuont'; did you mean count?"),
        ({"zzz": 3}, "it takes count, share, word, eager"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_allowed(given, sentence: str) -> None:
    """The sentence names the parameter, what it may be, and what was given."""
    with pytest.raises(InvalidInput) as caught:
        parse_parameters(Everything, given)
    assert sentence in caught.value.message
    assert caught.value.field.startswith("parameters.")


def test_parameters_are_held_against_each_other() -> None:
    """A fast average that is slower than the slow one is refused."""
    with pytest.raises(InvalidInput, match=r"fast \(20\) must be smaller than slow \(20\)"):
        build(MovingAverageCrossover, {"fast": 20})


def test_a_strategy_cannot_change_its_parameters() -> None:
    """What was asked for is what runs."""
    made = build(Everything, {})
    with pytest.raises(AttributeError, match="cannot change it"):
        made.count = 4
