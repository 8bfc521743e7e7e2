"""What the author of a strategy writes against; nothing else of the system is needed.

A strategy is a class that sees one bar or quote at a time and says buy, sell or close:

    from pi5.strategy.api import Bar, Context, Parameter, Strategy

    class HigherClose(Strategy):
        name = "higher-close"
        description = "Long after a close above the last one, out after a close below it."
        least_rise = Parameter(0.0, minimum=0.0, description="Least rise in price units.")

        def on_start(self, context: Context) -> None:
            self.last = None

        def on_bar(self, context: Context, bar: Bar) -> None:
            close = float(bar.close)
            if self.last is not None and close > self.last + self.least_rise:
                context.buy("closed higher", inputs={"close": close, "last": self.last})
            elif self.last is not None and close < self.last:
                context.close("closed lower")
            self.last = close

The same code runs live and in backtests. It is never given the future: there is no history to
index, only the next event. Indicators (`pi5_core.Sma`, `Ema`, `Rsi`, `Atr`) are fed the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload

from pi5.domain.market import Bar, Quote, Timeframe
from pi5.domain.order import Side

__all__ = ["Bar", "Context", "Parameter", "Quote", "Side", "Strategy", "Timeframe"]

Value = bool | int | float | str
T = TypeVar("T", bound=bool | int | float | str)
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST_TEXT = 200


class Parameter(Generic[T]):
    """A declared parameter: read it as an attribute of the strategy, `self.fast`.

    The type of the default is the type of the parameter: bool, int, float or str.

    Args:
        default: value when nothing is given.
        minimum: least value allowed; None for no bound.
        maximum: greatest value allowed; None for no bound.
        description: what it does, in a sentence, with its unit.
    """

    def __init__(
        self,
        default: T,
        minimum: T | None = None,
        maximum: T | None = None,
        description: str = "",
    ) -> None:
        self.name = ""
        self.kind: type = type(default)
        if self.kind not in _WORDS:
            raise TypeError("a parameter's default must be a bool, int, float or str")
        self.minimum = minimum
        self.maximum = maximum
        self.description = description
        self.default: T = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Parameter[T]: ...
    @overload
    def __get__(self, instance: Strategy, owner: type) -> T: ...
    def __get__(self, instance: Strategy | None, owner: type) -> T | Parameter[T]:
        if instance is None:
            return self
        value: T = instance.parameters[self.name]  # type: ignore[assignment]
        return value

    def __set__(self, instance: Strategy, value: T) -> None:
        raise AttributeError(f"{self.name} is a parameter; a strategy cannot change it")

    def read(self, value: Value) -> T:
        """Return a value given as text or as itself, checked against kind and bounds.

        Raises:
            ValueError: with a sentence that says what is allowed.

        >>> rule = Parameter(10, minimum=1, maximum=500)
        >>> rule.name = "fast"
        >>> rule.read("25")
        25
        >>> rule.read("2.5")
        Traceback (most recent call last):
        ValueError: fast must be a whole number from 1 to 500, not '2.5'
        """
        parsed = _parse(self.kind, value)
        if parsed is None or not self._within(parsed):
            raise ValueError(f"{self.name} must be {self.allowed()}, not {_shown(value)}")
        value_read: T = parsed
        return value_read

    def allowed(self) -> str:
        """Say in words which values are allowed."""
        words = _WORDS[self.kind]
        if self.minimum is not None and self.maximum is not None:
            return f"{words} from {self.minimum} to {self.maximum}"
        if self.minimum is not None:
            return f"{words} of at least {self.minimum}"
        if self.maximum is not None:
            return f"{words} of at most {self.maximum}"
        return words

    def _within(self, value: Any) -> bool:
        above = self.minimum is None or value >= self.minimum
        return above and (self.maximum is None or value <= self.maximum)


def _parse(kind: type, value: Value) -> Any:
    """Return the value as `kind`; None when it is not one."""
    if kind is bool:
        return value if isinstance(value, bool) else _TRUE.get(str(value).strip().lower())
    if kind is str:
        return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
    if isinstance(value, bool):
        return None
    try:
        if kind is int:
            return int(value) if not isinstance(value, float) or value.is_integer() else None
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: Value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def as_text(value: Value) -> str:
    """Write a parameter's value as text that `Parameter.read` takes back.

    >>> as_text(True), as_text(10), as_text(0.5)
    ('true', '10', '0.5')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


class Context(Protocol):
    """What a strategy may see and do while it handles an event."""

    @property
    def strategy_id(self) -> str:
        """Name of the running strategy."""

    @property
    def symbol(self) -> str:
        """Symbol of the event being handled."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols this object looks after."""

    @property
    def timeframe(self) -> Timeframe:
        """Length of the bars."""

    @property
    def muted(self) -> bool:
        """True while signals are not sent on: warming up or paused."""

    def position(self, symbol: str = "") -> Decimal:
        """Return what is held of a symbol (the event's when empty); negative when short."""

    def buy(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be long. Risk decides how much.

        Args:
            reason: why, in words for a person.
            strength: how strong the effect is believed to be, 0 to 1.
            confidence: how sure the strategy is, 0 to 1.
            inputs: the figures that led to it, by name; finite numbers.
            symbol: another symbol than the event's.

        Raises:
            ValueError: when a figure is out of its bounds.
        """

    def sell(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be short. Unless short selling is allowed, risk refuses to go below flat."""

    def close(
        self,
        reason: str,
        *,
        strength: float = 1.0,
        confidence: float = 1.0,
        inputs: Mapping[str, float] | None = None,
        symbol: str = "",
    ) -> None:
        """Wish to be out of what the strategy holds; without a position nothing happens."""


class Strategy:
    """Base of every strategy.

    The host makes one object for each symbol, or one for all of them where `spans_symbols` is
    true (pairs). Do not write `__init__`: set the object up in `on_start`, which is called before
    the first event and again before history is replayed to it anew.
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    spans_symbols: ClassVar[bool] = False
    parameters: Mapping[str, Value]

    @property
    def warm_up(self) -> int:
        """Number of bars needed before the first signal; replayed from history at the start."""
        return 0

    def check(self) -> None:
        """Hold the parameters against each other; raise ValueError with a sentence."""

    def on_start(self, context: Context) -> None:
        """Set up: make indicators, forget what was."""

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Handle a completed bar."""

    def on_quote(self, context: Context, quote: Quote) -> None:
        """Handle a quote."""
