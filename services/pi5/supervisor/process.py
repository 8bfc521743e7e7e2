"""One service as a child process: started, listened to, started again, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Sequence

from pi5.kit.clock import Clock
from pi5.kit.log import get_logger
from pi5.supervisor.restart import RestartDelay
from pi5.supervisor.state import ServiceState
from pi5.supervisor.timestamp import rfc3339

# What a service compares its parent with (pi5.kit.lifecycle, which is too large to import here).
PARENT_VARIABLE = "PI5_SUPERVISOR_PID"
_LINE_BYTES_MAX = 256 * 1024
_LAST_WORDS_S = 0.5  # to read what was written before the end


class ServiceProcess:
    """Keeps one service alive.

    Args:
        name: the service.
        clock: for times of start and lengths of life.
        take_line: gets each line that the service writes.
        changed: called whenever `state` changed.
        command: what to run; `python -m pi5.serve NAME` when empty.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        take_line: Callable[[str], None],
        changed: Callable[[], None],
        command: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.state = ServiceState()
        self.fault = ""  # the last named fault ("CODE: sentence") that a life of it ended with
        self._command = tuple(command) or (sys.executable, "-m", "pi5.serve", name)
        self._clock = clock
        self._take_line = take_line
        self._changed = changed
        self._last_words = ""
        self._process: Process | None = None
        self._delay = RestartDelay()
        self._stopping = asyncio.Event()
        self._log = get_logger(name)

    @property
    def running(self) -> bool:
        """True while there is a process."""
        return self._process is not None

    async def keep_alive(self) -> None:
        """Run the service, again and again, until `stop` is called."""
        while not self._stopping.is_set():
            begin_ns = self._clock.monotonic_ns()
            await self._live()
            if self._stopping.is_set():
                break
            lived_s = (self._clock.monotonic_ns() - begin_ns) / 1e9
            wait_s = self._delay.after(lived_s)
            self._set(state="waiting")
            reason = f"{self.state.last_exit}: {self._last_words}".removesuffix(": ")
            self._log.error("ended, starting it again", reason=reason, after_s=wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)
            self.state.restarts += 1
        self._set(state="stopped")

    def stop(self) -> None:
        """Ask the service to end, and do not start it again."""
        self._stopping.set()
        self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def mark_ready(self) -> None:
        """Note that the service can do its work."""
        if self.state.state == "starting":
            self._set(state="running")

    async def _live(self) -> None:
        """Run the process once, to its end."""
        self._last_words = ""
        # A pipe of our own: asyncio's would make `wait` depend on grandchildren that hold it open.
        read_end, write_end = os.pipe()
        try:
            process = await self._spawn(write_end)
        except OSError as error:  # out of memory or processes: try again later
            os.close(read_end)
            self._set(last_exit=f"cannot be started: {error}")
            return
        finally:
            os.close(write_end)
        self._process = process
        self._set(state="starting", pid=process.pid, started_at=rfc3339(self._clock))
        if self._stopping.is_set():  # told to stop while it was being started
            self.signal(signal.SIGTERM)
        lines = asyncio.create_task(self._read(read_end))
        code = await process.wait()
        self._process = None
        # Its own children, if it left any, are in its session; nothing stays behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lines, _LAST_WORDS_S)
        self._set(pid=None, last_exit=describe_exit(code))

    async def _spawn(self, output: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            env=_environment(),
            # Ctrl+C in the terminal is for the supervisor, which stops services in order.
            start_new_session=True,
        )

    async def _read(self, read_end: int) -> None:
        """Hand on what the process writes, line by line, until it closes the pipe."""
        reader = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
        )
        try:
            while line := await _line(reader):
                text = line.decode("utf-8", errors="replace").rstrip()
                if text and not text.startswith("{"):
                    self._last_words = text.removeprefix("error ")
                if text.startswith("error "):
                    self.fault = self._last_words
                self._take_line(text)
        finally:
            transport.close()

    def _set(self, **values: object) -> None:
        for key, value in values.items():
            setattr(self.state, key, value)
        self._changed()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or the next piece of one that is too long; empty at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)


def _environment() -> dict[str, str]:
    """Return the environment of a service."""
    return {
        "MALLOC_ARENA_MAX": "2",  # or glibc keeps a pool for each thread, some 10 MB a service
        "PYTHONUNBUFFERED": "1",
        **os.environ,
        PARENT_VARIABLE: str(os.getpid()),
    }


def describe_exit(code: int) -> str:
    """Say how a process ended.

    >>> describe_exit(-9), describe_exit(1)
    ('killed by SIGKILL', 'exit code 1')
    """
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"
    return f"exit code {code}"
