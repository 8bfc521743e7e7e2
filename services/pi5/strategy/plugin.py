"""A strategy class as the host sees it: is it sound, what does it take, make one of it.

Pure, so that live running, backtests and the loader judge a plug-in alike.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pi5.domain.errors import InvalidInput
from pi5.strategy.api import Parameter, Strategy, Value

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_MOST_PARAMETERS = 50
MOST_WARM_UP_BARS = 5_000


@dataclass(frozen=True, slots=True)
class StrategyType:
    """A plug-in that was found; `strategy` is None when `problem` says why it cannot run."""

    name: str
    description: str
    origin: str
    strategy: type[Strategy] | None
    problem: str = ""


def parameters_of(strategy: type[Strategy]) -> dict[str, Parameter[Any]]:
    """Return the declared parameters by name, in the order of their declaration, bases first."""
    return {
        name: value
        for base in reversed(strategy.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, Parameter)
    }


def problem_of(strategy: type[Strategy]) -> str:
    """Say in a sentence why a class cannot be run; empty when it can."""
    if not isinstance(strategy.name, str) or not _NAME.fullmatch(strategy.name):
        return (
            f"{strategy.__name__}.name must be lower case letters, digits and dashes, at most 64, "
            f"not {strategy.name!r}"
        )
    if not isinstance(strategy.description, str) or not strategy.description.strip():
        return f"{strategy.__name__} needs a description, a sentence for people"
    if strategy.__init__ is not Strategy.__init__:
        return f"{strategy.__name__} must not define __init__; set it up in on_start"
    if strategy.on_bar is Strategy.on_bar and strategy.on_quote is Strategy.on_quote:
        return f"{strategy.__name__} handles neither bars nor quotes; define on_bar or on_quote"
    declared = parameters_of(strategy)
    if len(declared) > _MOST_PARAMETERS:
        return f"{strategy.__name__} declares more than {_MOST_PARAMETERS} parameters"
    try:
        for name, parameter in declared.items():
            if name in vars(Strategy) or name == "parameters":
                return f"{strategy.__name__} may not call a parameter {name!r}"
            parameter.read(parameter.default)
        build(strategy, {})
    except InvalidInput as fault:
        return f"the defaults of {strategy.__name__} do not hold: {fault.message}"
    except ValueError as error:
        return f"the defaults of {strategy.__name__} do not hold: {error}"
    return ""


def parse_parameters(
    strategy: type[Strategy], given: Mapping[str, Value], field: str = "parameters"
) -> dict[str, Value]:
    """Return every parameter's value, defaults filled in.

    Raises:
        InvalidInput: UNKNOWN_PARAMETER or INVALID_PARAMETER with the field.
    """
    declared = parameters_of(strategy)
    for name in given:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            known = ", ".join(declared) or "none"
            hint = f"did you mean {near[0]}?" if near else f"it takes {known}"
            raise InvalidInput(
                "UNKNOWN_PARAMETER",
                f"{strategy.name} has no parameter {name[:64]!r}; {hint}",
                field=f"{field}.{name[:64]}",
            )
    values: dict[str, Value] = {}
    for name, parameter in declared.items():
        try:
            values[name] = parameter.read(given.get(name, parameter.default))
        except ValueError as error:
            raise InvalidInput("INVALID_PARAMETER", str(error), field=f"{field}.{name}") from None
    return values


def build(strategy: type[Strategy], given: Mapping[str, Value]) -> Strategy:
    """Return an object of the class with its parameters set and held against each other.

    Raises:
        InvalidInput: UNKNOWN_PARAMETER or INVALID_PARAMETER.
    """
    made = strategy()
    made.parameters = parse_parameters(strategy, given)
    try:
        made.check()
        bars = made.warm_up
    except ValueError as error:
        raise InvalidInput("INVALID_PARAMETER", str(error), field="parameters") from None
    if isinstance(bars, bool) or not isinstance(bars, int) or not 0 <= bars <= MOST_WARM_UP_BARS:
        raise InvalidInput(
            "INVALID_PARAMETER",
            f"{strategy.name} asks for {bars!r} bars of warm-up; 0 to {MOST_WARM_UP_BARS} it may",
            field="parameters",
        )
    return made
