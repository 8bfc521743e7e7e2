"""ConfigService: every setting with its value, default, source and description."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import msgspec

from pi5.api.system.v1 import config_service_pb2 as pb
from pi5.api.system.v1 import config_service_pb2_grpc, system_pb2
from pi5.kit import settings as settings_module
from pi5.kit.config import SHORT_NAMES
from pi5.kit.settings import Settings

Rpc = grpc.aio.ServicerContext[Any, Any]
# Settings that may hold a password inside them.
SECRET_KEYS = {"database.url"}
_FIELD = re.compile(r"^    (\w+): .*?#(?: noqa: \w+ -)? (.+)$")
_CLASS = re.compile(r"^class (\w+)\(")


@cache
def descriptions() -> dict[tuple[str, str], str]:
    """Return what each field of each section does, from the comments in kit/settings.py."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in Path(settings_module.__file__).read_text(encoding="utf-8").splitlines():
        if match := _CLASS.match(line):
            section = match[1]
        elif match := _FIELD.match(line):
            found[section, match[1]] = match[2]
    return found


def _json(value: Any) -> str:
    return msgspec.json.encode(
        value, enc_hook=lambda item: str(item) if isinstance(item, Decimal) else item
    ).decode()


def _source(key: str, *, is_default: bool) -> str:
    """Return where a value comes from: a variable names a setting or one below it."""
    variable = f"PI5_{key.upper().replace('.', '__')}"
    names = [variable, *(name for name, path in SHORT_NAMES.items() if path == key)]
    if any(name in names or name.startswith(f"{variable}__") for name in os.environ):
        return "environment"
    return "default" if is_default else "file"


def entries(current: Any, default: Any, prefix: str = "") -> Iterator[system_pb2.ConfigEntry]:
    """Yield an entry for every setting below a section."""
    for field in msgspec.structs.fields(current):
        key = f"{prefix}{field.name}"
        value, standard = getattr(current, field.name), getattr(default, field.name)
        if isinstance(value, msgspec.Struct):
            yield from entries(value, standard, f"{key}.")
            continue
        secret = key in SECRET_KEYS
        yield system_pb2.ConfigEntry(
            key=key,
            value="" if secret else _json(value),
            default_value=_json(standard),
            source=_source(key, is_default=value == standard),
            description=descriptions().get((type(current).__name__, field.name), ""),
            secret=secret,
            runtime=False,
        )


class ConfigServicer(config_service_pb2_grpc.ConfigServiceServicer):
    """Answers ConfigService."""

    def __init__(self, settings: Settings) -> None:
        self._entries = sorted(entries(settings, Settings()), key=lambda entry: entry.key)

    async def GetConfig(self, request: pb.GetConfigRequest, context: Rpc) -> Any:
        return pb.GetConfigResponse(
            entries=[entry for entry in self._entries if entry.key.startswith(request.prefix)],
            revision=1,
        )
