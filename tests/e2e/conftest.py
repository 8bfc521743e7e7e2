"""One running system for the whole end-to-end session, started as a user starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_system import RunningSystem, running_system


@pytest.fixture(scope="session")
def system() -> Iterator[RunningSystem]:
    """A trading system on free ports in an empty home."""
    with running_system() as running:
        yield running
