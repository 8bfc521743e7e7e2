"""The wiring of `pi5 up`: database, services, banner; then watching, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

import msgspec

from pi5.domain.errors import Fault
from pi5.kit.clock import Clock, SystemClock
from pi5.kit.home import Home
from pi5.kit.log import get_logger
from pi5.kit.postgres import EmbeddedPostgres
from pi5.kit.settings import Settings
from pi5.kit.version import version
from pi5.supervisor.addresses import local_services, refuse_taken_ports
from pi5.supervisor.banner import banner
from pi5.supervisor.console import Console
from pi5.supervisor.database import running_database
from pi5.supervisor.health import probe
from pi5.supervisor.process import ServiceProcess
from pi5.supervisor.state import (
    PostgresState,
    SupervisorState,
    end_orphans,
    only_instance,
    state_path,
    write_atomically,
)
from pi5.supervisor.timestamp import rfc3339

_STOP_GRACE_S = 4.0
_START_PATIENCE_S = 10.0  # after this, say what is still being waited for
_START_POLL_S = 0.1
_PROBE_INTERVAL_S = 5.0
_PROBES_UNANSWERED_MAX = 6
_STATE_INTERVAL_S = 1.0


class Supervisor:
    """One run of the whole system."""

    def __init__(self, home: Home, settings: Settings, console: Console, clock: Clock) -> None:
        self._home = home
        self._settings = settings
        self._console = console
        self._clock = clock
        self._log = get_logger("supervisor")
        self._stopping = asyncio.Event()
        self._postgres: EmbeddedPostgres | None = None
        self._services = [
            ServiceProcess(name, clock, console.sink(name), self._write_state)
            for name in local_services(settings)
        ]
        self._state = SupervisorState(
            pid=os.getpid(), version=version(), started_at=rfc3339(clock), services={}
        )
        self._written = b""

    async def run(self) -> None:
        """Start everything, keep it alive until a signal comes, stop everything.

        Raises:
            Fault: something that must be mended by a person before the system can start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)
        async with running_database(self._home, self._settings) as self._postgres:
            if self._stopping.is_set():
                return
            keepers = [asyncio.create_task(service.keep_alive()) for service in self._services]
            try:
                await self._until_ready()
                await self._watch()
            finally:
                await self._stop_services(keepers)
        self._console.say("Stopped.")

    def _on_signal(self) -> None:
        if self._stopping.is_set():  # a second Ctrl+C: somebody is in a hurry
            self._kill_services()
        self._stopping.set()

    async def _until_ready(self) -> None:
        """Wait until every service can do its work; a fault that a service names ends the start."""
        waiting = list(self._services)
        patience_ns = self._clock.monotonic_ns() + int(_START_PATIENCE_S * 1e9)
        while waiting and not self._stopping.is_set():
            for service in waiting:
                if service.fault:
                    code, _, sentence = service.fault.partition(": ")
                    raise Fault(code, f"{service.name}: {sentence}")
            for service in await self._ready(waiting):
                service.mark_ready()
                waiting.remove(service)
            if waiting and self._clock.monotonic_ns() > patience_ns:
                names = ", ".join(service.name for service in waiting)
                self._console.say(f"Still starting: {names}. Logs are in {self._home.logs}")
                patience_ns += int(_START_PATIENCE_S * 1e9)
            await asyncio.sleep(_START_POLL_S)
        if not self._stopping.is_set():
            self._console.say(banner(self._home, self._settings))

    async def _ready(self, services: Sequence[ServiceProcess]) -> list[ServiceProcess]:
        probes = (probe(service.name, self._home, self._settings) for service in services)
        answers = await asyncio.gather(*probes)
        return [service for service, health in zip(services, answers, strict=True) if health.ready]

    async def _watch(self) -> None:
        """Look at the services until it is time to stop; end one that does not answer for long."""
        unanswered = dict.fromkeys((service.name for service in self._services), 0)
        while not self._stopping.is_set():
            for service in self._services:
                health = await probe(service.name, self._home, self._settings)
                if health.ready:
                    service.mark_ready()
                away = service.running and not health.answers
                unanswered[service.name] = unanswered[service.name] + 1 if away else 0
                if unanswered[service.name] > _PROBES_UNANSWERED_MAX:
                    self._log.error("does not answer, ending it", service=service.name)
                    service.signal(signal.SIGKILL)
                    unanswered[service.name] = 0
            for _ in range(int(_PROBE_INTERVAL_S / _STATE_INTERVAL_S)):
                self._write_state()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _STATE_INTERVAL_S)

    async def _stop_services(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """SIGTERM to all; SIGKILL to the rest after the grace, or at a second Ctrl+C."""
        self._stopping.set()
        for service in self._services:
            service.stop()
        await asyncio.wait(keepers, timeout=_STOP_GRACE_S)
        self._kill_services()
        await asyncio.gather(*keepers, return_exceptions=True)

    def _kill_services(self) -> None:
        for service in self._services:
            service.signal(signal.SIGKILL)

    def _write_state(self) -> None:
        """Replace supervisor.json where something changed."""
        self._state.services = {service.name: service.state for service in self._services}
        if self._postgres is not None:
            self._state.postgres = PostgresState(
                pid=self._postgres.pid(), restarts=self._postgres.restarts
            )
        content = msgspec.json.format(msgspec.json.encode(self._state), indent=2)
        if content == self._written:
            return
        try:
            write_atomically(state_path(self._home), content)
        except OSError as error:  # a full disk: the file is stale, the system trades on
            self._log.warning("cannot write the state", reason=str(error))
        else:
            self._written = content


def up(home: Home, settings: Settings) -> None:
    """Run the system in this process until SIGINT or SIGTERM.

    Raises:
        Fault: it cannot start; the sentence names what to do.
    """
    clock = SystemClock()
    home.create()
    console = Console(home.logs, clock)
    console.configure_logging()
    try:
        with only_instance(home):
            end_orphans(home, clock)
            refuse_taken_ports(settings)
            asyncio.run(Supervisor(home, settings, console, clock).run())
    finally:
        console.close()
