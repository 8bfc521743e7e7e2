"""The contract as text: descriptors with the comments that the generated stubs do not carry.

`services/pi5/api/contract.binpb` is a FileDescriptorSet with the comments of proto/; OpenAPI and
the documentation page are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pi5.api
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6  # field numbers in FileDescriptorProto
_FIELDS_OR_VALUES_OR_METHODS = 2
PACKAGE = "pi5.api."


@dataclass(frozen=True, slots=True)
class Method:
    """A method with its service, comment and REST bindings."""

    service: ServiceDescriptorProto
    proto: MethodDescriptorProto
    comment: str
    package: str
    bindings: tuple[http_pb2.HttpRule, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Everything in the contract by full name (".pi5.api.…"), with comments."""

    messages: dict[str, DescriptorProto]
    enums: dict[str, EnumDescriptorProto]
    comments: dict[str, str]
    methods: tuple[Method, ...]


def load() -> Text:
    """Read the text that ships with the stubs."""
    return read((Path(pi5.api.__path__[0]) / "contract.binpb").read_bytes())


def read(content: bytes) -> Text:
    """Read a serialised FileDescriptorSet with comments."""
    messages: dict[str, DescriptorProto] = {}
    enums: dict[str, EnumDescriptorProto] = {}
    comments: dict[str, str] = {}
    methods: list[Method] = []
    for file in FileDescriptorSet.FromString(content).file:
        if not file.package.startswith(PACKAGE):
            continue
        said = _comments(file)
        root = f".{file.package}"
        for number, message in enumerate(file.message_type):
            name = f"{root}.{message.name}"
            messages[name] = message
            comments[name] = said.get((_MESSAGES, number), "")
            for index, field in enumerate(message.field):
                path = (_MESSAGES, number, _FIELDS_OR_VALUES_OR_METHODS, index)
                comments[f"{name}.{field.name}"] = said.get(path, "")
            for nested in message.nested_type:  # the entries of maps
                messages[f"{name}.{nested.name}"] = nested
        for number, enum in enumerate(file.enum_type):
            name = f"{root}.{enum.name}"
            enums[name] = enum
            comments[name] = said.get((_ENUMS, number), "")
            for index, value in enumerate(enum.value):
                path = (_ENUMS, number, _FIELDS_OR_VALUES_OR_METHODS, index)
                comments[f"{name}.{value.name}"] = said.get(path, "")
        methods += _methods(file, said, comments)
    return Text(messages, enums, comments, tuple(methods))


def _methods(
    file: FileDescriptorProto, said: dict[tuple[int, ...], str], comments: dict[str, str]
) -> Iterator[Method]:
    for number, service in enumerate(file.service):
        comments[f".{file.package}.{service.name}"] = said.get((_SERVICES, number), "")
        for index, method in enumerate(service.method):
            path = (_SERVICES, number, _FIELDS_OR_VALUES_OR_METHODS, index)
            rule = method.options.Extensions[annotations_pb2.http]
            yield Method(service, method, said.get(path, ""), file.package, bindings(rule))


def bindings(rule: http_pb2.HttpRule) -> tuple[http_pb2.HttpRule, ...]:
    """Return a rule and its additional bindings; nothing for a method without REST."""
    if rule.WhichOneof("pattern") is None:
        return ()
    return (rule, *rule.additional_bindings)


def verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str]:
    """Return a binding's HTTP method and path."""
    pattern = rule.WhichOneof("pattern")
    if pattern is None or pattern == "custom":
        raise ValueError("a REST binding needs get, put, post, delete or patch")
    return pattern.upper(), str(getattr(rule, pattern))


def path_variables(path: str) -> list[str]:
    """Return the names in braces.

    >>> path_variables("/api/v1/orders/{id}/events")
    ['id']
    """
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def enum_prefix(enum_name: str) -> str:
    """Return the prefix that each value of an enum carries.

    >>> enum_prefix("TimeInForce")
    'TIME_IN_FORCE_'
    """
    words = "".join(f"_{c}" if c.isupper() else c for c in enum_name).lstrip("_")
    return f"{words.upper()}_"


def is_repeated(field: FieldDescriptorProto) -> bool:
    """Tell whether a field is a list or map."""
    return field.label == FieldDescriptorProto.LABEL_REPEATED


def _comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Return the comment at each path, as one paragraph."""
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }
