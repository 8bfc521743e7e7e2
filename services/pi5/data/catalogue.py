"""The instruments that are known, in memory, so that looking one up never waits for anything."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from pi5.domain.errors import NotFound
from pi5.domain.instrument import Instrument


class Catalogue:
    """Instruments by symbol."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_symbol = {instrument.symbol: instrument for instrument in instruments}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._by_symbol

    def __iter__(self) -> Iterator[Instrument]:
        return iter(sorted(self._by_symbol.values(), key=lambda instrument: instrument.symbol))

    def __len__(self) -> int:
        return len(self._by_symbol)

    def add(self, instrument: Instrument) -> None:
        """Put an instrument in, over one of the same symbol."""
        self._by_symbol[instrument.symbol] = instrument

    def get(self, symbol: str, field: str = "symbol") -> Instrument:
        """Return an instrument.

        Raises:
            NotFound: UNKNOWN_SYMBOL, naming the nearest symbol that is known.

        >>> Catalogue().get("MSTF")
        Traceback (most recent call last):
        pi5.domain.errors.NotFound: there is no instrument MSTF
        """
        found = self._by_symbol.get(symbol)
        if found is not None:
            return found
        shown = symbol if len(symbol) <= 40 else symbol[:40] + "…"
        near = difflib.get_close_matches(symbol[:40].upper(), self._by_symbol, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise NotFound(
            "UNKNOWN_SYMBOL",
            f"there is no instrument {shown}{hint}",
            field=field,
            details={"symbol": shown, "near_match": near[0] if near else ""},
        )
