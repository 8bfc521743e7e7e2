"""Places at which tests kill a process: the worst moments of the order path, by name.

`PI5_FAILPOINT=name` or `name:count` makes the process kill itself at the first or count-th time it
comes to that place. Without the variable a place costs one comparison.
"""

from __future__ import annotations

import asyncio
import os
import signal

_name, _, _count = os.environ.get("PI5_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def armed(name: str) -> bool:
    """Tell whether the process is to die at this place."""
    return name == _name


def hit(name: str) -> None:
    """Come to a place; the process ends here, as by kill -9, when its turn has come."""
    global _left  # noqa: PLW0603 - the count belongs to the process
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


async def hit_after(name: str, delay_s: float) -> None:
    """Come to a place a little later, so that what was sent before has left the process."""
    if name == _name:
        await asyncio.sleep(delay_s)
        hit(name)
