"""The documentation page of the REST interface: plain HTML from the same document, no script."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import msgspec
from pi5.kit.version import version

from pi5_web import openapi

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font-family: ui-monospace, monospace; }
summary { cursor: pointer; padding: .4rem 0; }
details { border-bottom: 1px solid #8884; }
table { border-collapse: collapse; margin: .5rem 0 1rem; width: 100%; }
td { border-top: 1px solid #8883; padding: .25rem .75rem .25rem 0; vertical-align: top; }
.verb { display: inline-block; width: 4.5rem; font-weight: 600; }
.role { opacity: .7; }
"""


@cache
def document() -> bytes:
    """Return the OpenAPI document as JSON."""
    return openapi.shipped(version())


@cache
def page() -> str:
    """Return the page."""
    content: dict[str, Any] = msgspec.json.decode(document())
    by_tag: dict[str, list[str]] = {}
    for path, operations in content["paths"].items():
        for verb, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(path, verb, operation))
    tags = {tag["name"]: tag["description"] for tag in content["tags"]}
    parts = [
        f"<h2>{escape(tag)}</h2><p>{escape(tags[tag])}</p>{''.join(rows)}"
        for tag, rows in sorted(by_tag.items())
    ]
    info = content["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])}: interface</title>"
        '<link rel="stylesheet" href="/docs/style.css"></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="/api/v1/openapi.json">openapi.json</a>. Every service also '
        "speaks gRPC with reflection. Live data: the WebSocket <code>/ws</code>.</p>"
        f"{''.join(parts)}</body></html>"
    )


def _operation(path: str, verb: str, operation: dict[str, Any]) -> str:
    fields = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{escape(p['description'])}</td></tr>"
        for p in operation.get("parameters", ())
    )
    body = operation.get("requestBody")
    sent = _kind(body["content"]["application/json"]["schema"]) if body else ""
    ((media_type, answer),) = operation["responses"]["200"]["content"].items()
    got = _kind(answer["schema"]) if media_type == "application/json" else media_type
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span> <code>{escape(path)}</code> '
        f'<span class="role">{escape(operation["x-required-role"])}</span></summary>'
        f"<p>{escape(operation['description'])}</p>"
        + (f"<p>Body: <code>{escape(sent)}</code></p>" if sent else "")
        + (f"<table>{fields}</table>" if fields else "")
        + f"<p>Answer: <code>{escape(got)}</code></p></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    return "{" + ", ".join(schema.get("properties", {})) + "}"
