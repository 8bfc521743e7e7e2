"""Reading a subscription from asyncio: one wake-up of the loop for a batch, not for an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pi5_core._native import Subscription


async def batches(subscription: Subscription, limit: int = 256) -> AsyncIterator[list[Any]]:
    """Yield lists of at most `limit` payloads until the subscription is closed and drained.

    One reader per subscription: this takes over its wake-up callback.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()

    def wake() -> None:
        # Called from the publisher's thread, possibly while this loop shuts down.
        if not loop.is_closed():
            loop.call_soon_threadsafe(ready.set)

    subscription.set_wakeup(wake)
    try:
        while True:
            ready.clear()
            closed = subscription.closed
            # Drained after the flag is cleared, so an event that comes later sets it again.
            if batch := subscription.drain(limit):
                yield batch
                await asyncio.sleep(0)  # a busy stream must not starve the loop
            elif closed:
                return
            else:
                await ready.wait()
    finally:
        subscription.set_wakeup(None)
