"""Moving-average crossover: the plainest trend follower, and the example to copy from."""

from __future__ import annotations

from pi5_core import Sma

from pi5.strategy.api import Bar, Context, Parameter, Strategy


class MovingAverageCrossover(Strategy):
    """Long while the fast average of the closes is above the slow one; never short."""

    name = "ma-crossover"
    description = (
        "Buys when the fast simple moving average of the closes crosses above the slow one, "
        "closes when it crosses below. Long only."
    )
    fast = Parameter(10, minimum=1, maximum=1_000, description="Bars in the fast average.")
    slow = Parameter(20, minimum=2, maximum=1_000, description="Bars in the slow average.")

    @property
    def warm_up(self) -> int:
        """As many bars as the slow average takes."""
        return self.slow

    def check(self) -> None:
        """The fast average must be the faster one."""
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")

    def on_start(self, context: Context) -> None:
        """Begin with empty averages."""
        self._fast = Sma(self.fast)
        self._slow = Sma(self.slow)
        self._was_above: bool | None = None

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Compare the averages; act where their order changes."""
        close = float(bar.close)
        fast = self._fast.update(close)
        slow = self._slow.update(close)
        if not self._slow.ready:
            return
        above = fast > slow
        crossed = self._was_above is not None and above != self._was_above
        self._was_above = above
        if not crossed:
            return
        inputs = {"fast": fast, "slow": slow, "close": close}
        if above:
            context.buy("the fast average crossed above the slow one", inputs=inputs)
        else:
            context.close("the fast average crossed below the slow one", inputs=inputs)
