"""Which limits hold for an order: the narrowest scope that sets a limit wins.

A symbol's limit goes before a strategy's, a strategy's before an account's, and that before the
one for everything. A limit is held against what its own scope covers: a strategy's exposure limit
against that strategy's positions, the account's against all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pi5.domain.limits import DEFAULT_LIMITS, EVERYTHING, Limits, LimitScope

_CACHE_SIZE = 4_096
_NAMES = tuple(item.name for item in fields(Limits))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The limits of one account, strategy and symbol, and the scope that each came from."""

    limits: Limits
    scopes: Mapping[str, LimitScope]

    def scope(self, name: str) -> LimitScope:
        """Return the scope that a limit came from."""
        return self.scopes.get(name, EVERYTHING)


class LimitBook:
    """Limits by scope, resolved on demand."""

    def __init__(self, everything: Limits = DEFAULT_LIMITS) -> None:
        self._base = everything.over(DEFAULT_LIMITS)
        self._scoped: dict[LimitScope, Limits] = {}
        self._cache: dict[tuple[str, str, str], Resolved] = {}

    @property
    def everything(self) -> Limits:
        """The limits of everything."""
        own = self._scoped.get(EVERYTHING)
        return own.over(self._base) if own else self._base

    def set(self, scope: LimitScope, limits: Limits) -> None:
        """Set the limits of a scope."""
        self._scoped[scope] = limits
        self._cache.clear()

    def resolve(self, account: str, strategy_id: str, symbol: str) -> Resolved:
        """Return the limits for an order."""
        key = (account, strategy_id, symbol)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            found = self._cache[key] = self._resolve(*key)
        return found

    def _resolve(self, account: str, strategy_id: str, symbol: str) -> Resolved:
        limits, scopes = self._base, dict.fromkeys(_NAMES, EVERYTHING)
        matching = [s for s in self._scoped if s.covers(account, strategy_id, symbol)]
        for scope in sorted(matching, key=lambda scope: scope.precedence):
            own = self._scoped[scope]
            scopes |= {name: scope for name in _NAMES if getattr(own, name) is not None}
            limits = own.over(limits)
        return Resolved(limits, scopes)
