"""The REST routes, read from the `google.api.http` options of every service.

A path is matched segment by segment on what the client sent before decoding, so that a symbol such
as BTC/USDT can be one segment, written BTC%2FUSDT.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pi5.api
from google.api import annotations_pb2, http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from pi5.kit.contract import MethodRules, method_rules

from pi5_web.contract_text import bindings, verb_and_path
from pi5_web.errors import Refusal


@dataclass(frozen=True, slots=True)
class Route:
    """One binding of one method."""

    verb: str
    path: str
    segments: tuple[str, ...]
    body: str
    response_body: str
    service: str
    grpc_path: str
    rules: MethodRules
    request: type[Message]
    response: type[Message]

    def variables(self, segments: tuple[str, ...]) -> dict[str, str]:
        """Return the values of the path's variables, decoded."""
        return {
            pattern[1:-1]: unquote(given)
            for pattern, given in zip(self.segments, segments, strict=True)
            if pattern.startswith("{")
        }


def service_methods() -> Iterator[MethodDescriptor]:
    """Yield every method of every service of the contract."""
    for module in sorted(pkgutil.walk_packages(pi5.api.__path__, "pi5.api."), key=lambda m: m.name):
        if module.name.endswith("service_pb2"):
            file: Any = importlib.import_module(module.name).DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


def contract_routes() -> list[Route]:
    """Return all routes of the contract."""
    return [
        _route(method, rule)
        for method in service_methods()
        for rule in bindings(method.GetOptions().Extensions[annotations_pb2.http])
    ]


def _route(method: MethodDescriptor, rule: http_pb2.HttpRule) -> Route:
    verb, path = verb_and_path(rule)
    service = method.containing_service
    grpc_path = f"/{service.full_name}/{method.name}"
    return Route(
        verb=verb,
        path=path,
        segments=tuple(path.split("/")),
        body=rule.body,
        response_body=rule.response_body,
        service=service.file.package.split(".")[2],
        grpc_path=grpc_path,
        rules=method_rules(grpc_path),
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
    )


class RouteTable:
    """Finds the route of a call: literal segments go before variables."""

    def __init__(self, routes: list[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in sorted(routes, key=lambda r: [s.startswith("{") for s in r.segments]):
            self._by_length.setdefault(len(route.segments), []).append(route)

    def find(self, verb: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the path's variables.

        Raises:
            Refusal: 404 NO_SUCH_PATH, 405 WRONG_METHOD.
        """
        segments = tuple(raw_path.split("/"))
        others: set[str] = set()
        wanted = "GET" if verb == "HEAD" else verb
        for route in self._by_length.get(len(segments), ()):
            if not _fits(route.segments, segments):
                continue
            if route.verb == wanted:
                return route, route.variables(segments)
            others.add(route.verb)
        if others:
            known = ", ".join(sorted(others))
            raise Refusal(405, "WRONG_METHOD", f"{verb} is not possible here; try {known}")
        raise Refusal(404, "NO_SUCH_PATH", "there is nothing at this path; see /docs")


def _fits(patterns: tuple[str, ...], segments: tuple[str, ...]) -> bool:
    return all(
        bool(given) if pattern.startswith("{") else pattern == given
        for pattern, given in zip(patterns, segments, strict=True)
    )
