"""How a service process lives: settings, logs, loop, start, readiness, drain, end.

`serve(NAME)` imports `pi5.NAME.main` and runs its `start(context)`, an async context manager that
yields when the service can do its work. The process dies with its parent, so that nothing is left
behind when the supervisor is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

from pi5.domain.errors import ConfigurationFault, Fault
from pi5.kit import database, metrics
from pi5.kit.client import Peer, target_of
from pi5.kit.clock import Clock, SystemClock
from pi5.kit.config import load_settings
from pi5.kit.guard import Guard
from pi5.kit.home import Home, open_home
from pi5.kit.log import Logger, configure_logging, get_logger
from pi5.kit.server import GrpcServer, Registration
from pi5.kit.settings import SERVICES, Settings
from pi5.kit.tokens import ServiceToken, TokenIssuer, load_or_create_key

_PR_SET_PDEATHSIG = 1
DRAIN_S = 2.0
PARENT_VARIABLE = "PI5_SUPERVISOR_PID"


@dataclass
class Context:
    """What a service is given to live with."""

    service: str
    home: Home
    settings: Settings
    clock: Clock
    log: Logger
    issuer: TokenIssuer
    token: ServiceToken
    stopping: asyncio.Event
    _stack: contextlib.AsyncExitStack
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    failure: BaseException | None = None

    def peer(self, name: str) -> Peer:
        """Return a channel to another service, closed at the end."""
        peer = Peer(name, target_of(name, self.home, self.settings), self.token)
        self._stack.push_async_callback(peer.close)
        return peer

    async def pool(self) -> database.Pool[Any]:
        """Return the service's database pool, closed at the end."""
        dsn = self.settings.database.url or embedded_dsn(self.home)
        pool = await database.open_pool(dsn, self.service, self.settings.database.pool_size)
        self._stack.callback(pool.terminate)
        return pool

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a task for the service's life; if it raises, the process ends with its fault."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.log.error("a task ended with an exception", task=task.get_name(), exc_info=error)
            self.failure = self.failure or error
            self.stopping.set()

    async def cancel_tasks(self) -> None:
        """End the tasks that `spawn` began."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def serving(
        self, registrations: Sequence[Registration], names: Sequence[str]
    ) -> AsyncIterator[GrpcServer]:
        """Run the gRPC server around a block; ready while the block runs, drained after it."""
        server = GrpcServer(registrations, names, Guard(self.issuer, self.log))
        await server.start(self.home.socket(self.service), self.settings.grpc_port(self.service))
        try:
            yield server
        finally:
            await server.stop(DRAIN_S)


Start = Callable[[Context], contextlib.AbstractAsyncContextManager[None]]


def embedded_dsn(home: Home) -> str:
    """Return the address of the embedded PostgreSQL: `pi5 up` writes it where services read it."""
    path = home.run / "database-url"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ConfigurationFault(
            "DATABASE_NOT_STARTED",
            "no database is running for this PI5_HOME; start the system with `pi5 up`, or set "
            "PI5_DATABASE_URL",
        ) from None


def die_with_parent() -> None:
    """Ask the kernel to end this process with its supervisor, which must still be there."""
    expected = os.environ.get(PARENT_VARIABLE)
    if expected is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(expected):
        raise SystemExit(0)


async def run(service: str, start: Start, home: Home, settings: Settings) -> None:
    """Run a service until it is told to stop or one of its tasks fails."""
    clock = SystemClock()
    log = get_logger(service)
    issuer = TokenIssuer(load_or_create_key(home), clock)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with contextlib.AsyncExitStack() as stack:
        context = Context(
            service=service,
            home=home,
            settings=settings,
            clock=clock,
            log=log,
            issuer=issuer,
            token=ServiceToken(issuer, clock, service),
            stopping=stopping,
            _stack=stack,
        )
        if service != "web":
            metrics.expose_metrics(settings.metrics_port(service))
        stack.push_async_callback(context.cancel_tasks)
        await _live(context, start)
    if context.failure is not None:
        raise context.failure


async def _live(context: Context, start: Start) -> None:
    """Start, wait for the end, and give up starting when told to stop meanwhile."""
    lived = asyncio.get_running_loop().create_task(_start_and_wait(context, start))
    stop = asyncio.get_running_loop().create_task(context.stopping.wait())
    await asyncio.wait({lived, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    try:
        await asyncio.wait_for(lived, DRAIN_S + 1.0)
    except TimeoutError:
        context.log.warning("the service did not drain in time")


async def _start_and_wait(context: Context, start: Start) -> None:
    try:
        async with start(context):
            # What was imported and wired by now stays for ever: keep the collector from it.
            gc.collect()
            gc.freeze()
            context.log.info("ready")
            await context.stopping.wait()
            context.log.info("stopping")
    finally:
        await context.cancel_tasks()  # before the channels that the tasks use are closed


def serve(service: str) -> int:
    """Run one service in this process; return its exit code."""
    if service not in SERVICES:
        known = ", ".join(SERVICES)
        sys.stderr.write(f"error UNKNOWN_SERVICE: there is no service {service}; known: {known}\n")
        return 2
    die_with_parent()
    try:
        home = open_home()
        home.create()
        settings = load_settings(home)
        configure_logging(service, settings.system.log_level)
        package = "pi5_web" if service == "web" else f"pi5.{service}"
        module = importlib.import_module(f"{package}.main")
        uvloop.run(run(service, module.start, home, settings))
    except Fault as fault:
        sys.stderr.write(f"error {fault.code}: {fault.message}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0
