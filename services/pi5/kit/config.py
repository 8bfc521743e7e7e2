"""Loading of the settings: defaults, then pi5.yaml, then PI5_… variables; clear refusals.

A variable names a setting by its path, parts joined by two underscores: PI5_WEB__PORT=9090 is
web.port. PI5_DATABASE_URL is short for database.url.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from pi5.domain.errors import ConfigurationFault
from pi5.kit.home import Home
from pi5.kit.settings import GRPC_SERVICES, Settings

# Variables with a meaning of their own, not paths of settings.
RESERVED = {
    "PI5_HOME",
    "PI5_CONFIG",
    "PI5_ADMIN_PASSWORD",
    "PI5_ADMIN_USERNAME",
    "PI5_SUPERVISOR_PID",  # set by the supervisor for its children
    "PI5_FAILPOINT",  # kills a process at a named moment, in tests
}
SHORT_NAMES = {"PI5_DATABASE_URL": "database.url"}


def load_settings(
    home: Home, config_file: Path | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read, merge and validate the settings.

    Raises:
        ConfigurationFault: CONFIG_NOT_FOUND, CONFIG_SYNTAX, CONFIG_UNKNOWN_KEY or CONFIG_INVALID,
            each with the file or variable, the key and what to do.
    """
    environment = os.environ if environment is None else environment
    path = config_file or _named_file(environment) or home.config_file
    content: dict[str, Any] = {}
    if path.exists():
        content = _read_yaml(path)
    elif path != home.config_file:
        raise ConfigurationFault("CONFIG_NOT_FOUND", f"there is no configuration file {path}")
    origins = _overlay(content, environment)
    _refuse_unknown(content, Settings, "", str(path), origins)
    try:
        settings = msgspec.convert(content, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationFault(
            "CONFIG_INVALID", f"{_locate(str(error), str(path), origins)}"
        ) from None
    _check_services(settings)
    return settings


def _named_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("PI5_CONFIG")
    return Path(named).expanduser() if named else None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        summary = " ".join(str(error).split())
        raise ConfigurationFault("CONFIG_SYNTAX", f"{path} is not valid YAML: {summary}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationFault("CONFIG_SYNTAX", f"{path} must hold sections such as `web:`")
    return content


def _overlay(content: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Put variables over the file's content; return which variable set which path."""
    origins: dict[str, str] = {}
    for name in sorted(environment):
        if not name.startswith("PI5_") or name in RESERVED:
            continue
        path = SHORT_NAMES.get(name, name[len("PI5_") :].lower().replace("__", "."))
        if name not in SHORT_NAMES and "__" not in name:
            raise ConfigurationFault(
                "CONFIG_UNKNOWN_KEY",
                f"the environment variable {name} names no setting; join section and key by two "
                "underscores, for example PI5_WEB__PORT",
            )
        *parents, last = path.split(".")
        node = content
        for parent in parents:
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                raise ConfigurationFault(
                    "CONFIG_INVALID", f"{name} sets {path}, but {parent} is no section"
                )
            node = child
        value = environment[name]
        node[last] = _list(value) if _is_tuple(path) else value
        origins[path] = name
    return origins


def _list(value: str) -> list[str]:
    return value.split(",") if value else []


def _is_tuple(path: str) -> bool:
    """Tell whether a setting is a list of texts, written with commas in a variable."""
    kind: Any = Settings
    for part in path.split("."):
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return False
        kind = next((f.type for f in msgspec.structs.fields(kind) if f.name == part), None)
    return getattr(kind, "__origin__", None) is tuple


def _refuse_unknown(
    content: Mapping[str, Any],
    kind: type[msgspec.Struct],
    prefix: str,
    file: str,
    origins: Mapping[str, str],
) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in content.items():
        path = f"{prefix}{key}"
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else "known are " + ", ".join(fields)
            where = next((v for p, v in origins.items() if p.startswith(path)), file)
            raise ConfigurationFault(
                "CONFIG_UNKNOWN_KEY", f"{where}: there is no setting {path}; {hint}"
            )
        section = fields[key]
        if isinstance(section, type) and issubclass(section, msgspec.Struct):
            if value is None:
                continue
            if isinstance(value, dict):
                _refuse_unknown(value, section, f"{path}.", file, origins)


def _locate(message: str, file: str, origins: Mapping[str, str]) -> str:
    """Turn msgspec's "Expected `int`, got `str` - at `$.web.port`" into file, key and reason."""
    reason, _, where = message.partition(" - at `$.")
    path = where.rstrip("`")
    source = next((v for p, v in origins.items() if p == path), file)
    return f"{source}: {path or 'the settings'}: {reason[0].lower()}{reason[1:]}"


def _check_services(settings: Settings) -> None:
    for name in settings.services:
        if name not in GRPC_SERVICES:
            known = ", ".join(GRPC_SERVICES)
            raise ConfigurationFault(
                "CONFIG_UNKNOWN_KEY", f"services.{name} is no service; known are {known}"
            )
