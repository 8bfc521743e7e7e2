"""A gRPC stream of a service that is open only while somebody listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import grpc
from pi5.domain.errors import Unavailable
from pi5.kit.client import follow
from pi5.kit.log import Logger

LINGER_S = 10.0
SILENCE_S = 15.0
FIRST_WITHIN_S = 3.0
_AGAIN_AFTER_S = 1.0


class Source:
    """Runs one stream and hands its messages on.

    Args:
        name: for the log.
        open_stream: opens the stream, going on where it broke.
        take: is given each message.
        lost: is told when the stream cannot go on where it broke.
    """

    def __init__(
        self,
        name: str,
        open_stream: Callable[[], Any],
        take: Callable[[Any], None],
        lost: Callable[[], None],
        log: Logger,
    ) -> None:
        self._name = name
        self._open_stream = open_stream
        self._take = take
        self._lost = lost
        self._log = log
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._heard = asyncio.Event()

    @property
    def running(self) -> bool:
        """True while the stream is held open."""
        return self._task is not None

    async def acquire(self) -> None:
        """Hold the stream open; wait a little for its first message.

        Raises:
            Unavailable: SERVICE_UNAVAILABLE, when nothing came. The stream is held nevertheless.
        """
        self._users += 1
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)
        try:
            await asyncio.wait_for(self._heard.wait(), FIRST_WITHIN_S)
        except TimeoutError:
            raise Unavailable(
                "SERVICE_UNAVAILABLE", f"{self._name} does not answer; it is being tried again"
            ) from None

    def release(self) -> None:
        """Let go; the stream ends when nobody has held it for a while."""
        self._users -= 1
        if self._users == 0 and self._task is not None:
            self._closing = asyncio.get_running_loop().call_later(LINGER_S, self._close)

    def _close(self) -> None:
        self._closing = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._heard.clear()
        self._lost()

    async def stop(self) -> None:
        """End the stream now."""
        if self._closing is not None:
            self._closing.cancel()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            try:
                async for message in follow(self._opened, self._log, self._name, SILENCE_S):
                    self._heard.set()
                    self._take(message)
            except grpc.aio.AioRpcError as error:
                self._log.warning("stream cannot go on", stream=self._name, code=error.code().name)
                self._lost()
            await asyncio.sleep(_AGAIN_AFTER_S)

    def _opened(self) -> Any:
        self._heard.clear()
        return self._open_stream()
