"""`pi5 config`: the settings in force, where each comes from, and whether the file is sound."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from pi5.cli._here import here
from pi5.kit.config import SHORT_NAMES
from pi5.kit.settings import Settings

_FIELD = re.compile(r"^    (\w+): .*?#(?: noqa: \S+ -)? (.+)$", re.MULTILINE)
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config = typer.Typer(no_args_is_help=True, help="The settings in force.")
    config.command("show")(show)
    config.command("check")(check)
    app.add_typer(config, name="config")


def show(
    changed: Annotated[bool, typer.Option("--changed", help="only what differs")] = False,
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show every setting with its value, source and meaning."""
    from pi5.cli._output import print_json, print_table

    entries = list(settings_entries(here().settings))
    if changed:
        entries = [entry for entry in entries if entry["source"] != "default"]
    if json:
        print_json(entries)
        return
    print_table(
        ("Setting", "Value", "From", "Meaning"),
        (
            (entry["key"], _text(entry["value"]), entry["source"], entry["description"])
            for entry in entries
        ),
        "All settings are at their defaults.",
    )


def check() -> None:
    """Check the settings and say what is wrong with them."""
    place = here()
    print(f"The settings are sound ({os.environ.get('PI5_CONFIG') or place.home.config_file}).")


def settings_entries(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield key, value, source and description of every setting; passwords are left out."""
    yield from _entries(settings, Settings(), "")


def _entries(section: msgspec.Struct, default: msgspec.Struct, prefix: str) -> Iterator[Any]:
    described = dict(_FIELD.findall(inspect.getsource(type(section))))
    for name in section.__struct_fields__:
        key, value, standard = f"{prefix}{name}", getattr(section, name), getattr(default, name)
        if isinstance(value, msgspec.Struct):
            yield from _entries(value, standard, f"{key}.")
            continue
        yield {
            "key": key,
            "value": _hide_password(msgspec.to_builtins(value, str_keys=True)),
            "source": _source(key, changed=value != standard),
            "description": described.get(name, ""),
        }


def _source(key: str, *, changed: bool) -> str:
    variables = {f"PI5_{key.upper().replace('.', '__')}"}
    variables |= {name for name, path in SHORT_NAMES.items() if path == key}
    if any(name in os.environ for name in variables):
        return "environment"
    return "file" if changed else "default"


def _hide_password(value: Any) -> Any:
    return _PASSWORD.sub(r"\1:…@", value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return str(value.get("id") or value.get("name") or value or "")
    return str(value)
