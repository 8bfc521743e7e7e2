"""A PI5_HOME for tests that run whole programs."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pi5.kit.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """A PI5_HOME of the test's own, below a folder that PostgreSQL's user can walk to."""
    root = Path(tempfile.mkdtemp(prefix="pi5-"))
    root.chmod(0o755)
    yield Home(root)
    shutil.rmtree(root, ignore_errors=True)
