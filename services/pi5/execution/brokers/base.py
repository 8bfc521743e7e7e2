"""The port every broker stands behind, whether in this process or far away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from pi5.domain.broker import (
    BrokerAccount,
    BrokerExecution,
    BrokerLookUp,
    BrokerOrder,
    BrokerPromises,
    BrokerReport,
)
from pi5.domain.order import OrderTerms, RiskApproved


class Broker(Protocol):
    """A broker.

    A business refusal is a value (`BrokerOrder` with status REJECTED). Any exception means that
    nobody knows what became of the call.
    """

    @property
    def name(self) -> str:
        """Its name, such as simulated."""

    async def describe(self) -> BrokerPromises:
        """Return what it promises."""

    async def place(self, approved: RiskApproved[OrderTerms]) -> BrokerOrder:
        """Place an order and return it as the broker took or refused it."""

    async def cancel(self, client_order_id: str) -> BrokerOrder | None:
        """Ask for a cancel; the outcome comes as a report. None when there is no such order."""

    async def look_up(self, client_order_id: str) -> BrokerLookUp:
        """Return an order and its executions by client order id."""

    async def open_orders(self) -> list[BrokerOrder]:
        """Return all working orders."""

    async def executions(self, since_ns: int) -> list[BrokerExecution]:
        """Return all executions at or after a time, oldest first."""

    async def account(self) -> BrokerAccount:
        """Return cash and positions."""

    def reports(self) -> AsyncIterator[BrokerReport | None]:
        """Yield reports as they happen; None whenever some may have been missed before."""

    async def close(self) -> None:
        """Let go of connections."""
