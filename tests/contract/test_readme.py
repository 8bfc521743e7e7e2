"""The README tells which methods come later, all of them and no others."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pi5.api
from pi5.api.common.v1 import options_pb2

ROOT = Path(__file__).resolve().parents[2]


def methods() -> dict[str, bool]:
    """Return every method of the contract, and whether it is planned."""
    found = {}
    for module in pkgutil.walk_packages(pi5.api.__path__, "pi5.api."):
        if module.name.endswith("service_pb2"):
            descriptor = importlib.import_module(module.name).DESCRIPTOR
            for service in descriptor.services_by_name.values():
                for method in service.methods:
                    planned = method.GetOptions().Extensions[options_pb2.planned]
                    found[method.name] = planned
    return found


def test_the_status_table_names_every_planned_method_and_no_other() -> None:
    """What answers UNIMPLEMENTED is listed under "comes later", and what works is not."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## What works") : text.index("## Numbers")]
    named = set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+|Backfill)`", table))
    assert named == {name for name, planned in methods().items() if planned}
