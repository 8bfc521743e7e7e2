"""The examples in the docstrings of the system service."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pi5.system
import pytest


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.iter_modules(pi5.system.__path__, "pi5.system.")]
)
def test_examples_in_the_code_are_true(name: str) -> None:
    """Every example in a docstring gives what it says."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0
