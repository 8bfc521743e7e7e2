"""OpenAPI 3.1 of the REST interface, made from the contract alone.

Messages that only ever leave the server list all their fields as required, because the codec
always writes them; fields of requests are required where the contract says so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from google.api import field_behavior_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodDescriptorProto
from pi5.api.common.v1 import options_pb2

from pi5_web.contract_text import (
    Method,
    Text,
    enum_prefix,
    is_repeated,
    load,
    path_variables,
    read,
    verb_and_path,
)

_F = FieldDescriptorProto
_INTEGERS = {_F.TYPE_INT32, _F.TYPE_UINT32, _F.TYPE_SINT32, _F.TYPE_FIXED32, _F.TYPE_SFIXED32}
_WIDE_INTEGERS = {_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64}
_TIMESTAMP = ".google.protobuf.Timestamp"
Schema = dict[str, Any]

_ERROR: Schema = {
    "type": "object",
    "description": "Why a call did not succeed.",
    "required": ["code", "message", "request_id", "details"],
    "properties": {
        "code": {"type": "string", "description": "Stable code, such as UNKNOWN_SYMBOL."},
        "message": {"type": "string", "description": "One sentence for a person."},
        "request_id": {"type": "string", "description": "Finds the call in the logs."},
        "details": {
            "type": "array",
            "description": "Fields at fault, and figures and names that belong to the error.",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}


# What the bridge answers itself: path -> (operation, needed role, sentence, content type).
OWN_PATHS = {
    "/health": ("GetLiveness", "public", "Whether the bridge lives.", "application/json"),
    "/healthz": ("GetLivenessForProbes", "public", "The same.", "application/json"),
    "/metrics": ("GetMetrics", "public", "The bridge's own Prometheus metrics.", "text/plain"),
    "/api/v1/system/metrics": (
        "GetAllMetrics",
        "viewer",
        "Prometheus metrics of all services, labelled by service.",
        "text/plain",
    ),
}


def document(text: Text, version: str) -> Schema:
    """Return the whole document."""
    schemas = _Schemas(text)
    paths: dict[str, Schema] = {}
    for method in text.methods:
        for number, rule in enumerate(method.bindings):
            verb, path = verb_and_path(rule)
            operation = _operation(schemas, method, rule, number)
            paths.setdefault(path, {})[verb.lower()] = operation
    paths |= {path: {"get": _own_operation(*said)} for path, said in OWN_PATHS.items()}
    schemas.components["Error"] = _ERROR
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pi5 Trading System",
            "version": version,
            "description": "Decimals are strings, times RFC 3339 in UTC, enum values lower case; "
            "what is not defined is null. Integers of 64 bits are numbers up to 2^53 and strings "
            "above. Lists are paged by opaque tokens.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "Bridge", "description": "What the bridge answers itself."},
            *({"name": name, "description": text.comments[full]} for name, full in _services(text)),
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "pi5_access"},
            },
        },
    }


def _own_operation(name: str, role: str, sentence: str, media_type: str) -> Schema:
    return {
        "operationId": name,
        "tags": ["Bridge"],
        "summary": sentence.rstrip("."),
        "description": sentence,
        "x-required-role": role,
        "security": [] if role == "public" else [{"bearer": []}, {"cookie": []}],
        "responses": {
            "200": {
                "description": "Done.",
                "content": {media_type: {"schema": {"type": _OWN_KIND[media_type]}}},
            },
            "default": {
                "description": "Not done.",
                "content": _json({"$ref": "#/components/schemas/Error"}),
            },
        },
    }


_OWN_KIND = {"application/json": "object", "text/plain": "string"}


def _services(text: Text) -> list[tuple[str, str]]:
    found = {
        method.service.name: f".{method.package}.{method.service.name}"
        for method in text.methods
        if method.bindings
    }
    return sorted(found.items())


class _Schemas:
    """Component schemas, added as they are referred to."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.components: dict[str, Schema] = {}
        requests = (m.proto.input_type for m in text.methods if m.bindings)
        self._sent_by_clients = _reachable(text, requests)

    def of_field(self, full_name: str, field: FieldDescriptorProto) -> Schema:
        """Return the schema of a field with its comment."""
        schema = self._of_value(field)
        if is_repeated(field):
            entry = self.text.messages.get(field.type_name)
            if entry is not None and entry.options.map_entry:
                schema = {
                    "type": "object",
                    "additionalProperties": self._of_value(entry.field[1]),
                }
            else:
                schema = {"type": "array", "items": schema}
        elif _may_be_null(field):
            schema = _or_null(schema)
        comment = self.text.comments.get(f"{full_name}.{field.name}", "")
        return {**schema, "description": comment} if comment else schema

    def _of_value(self, field: FieldDescriptorProto) -> Schema:
        if field.type_name == _TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if field.type == _F.TYPE_MESSAGE:
            return self.of_message(field.type_name)
        if field.type == _F.TYPE_ENUM:
            return self._of_enum(field.type_name)
        if field.type == _F.TYPE_BOOL:
            return {"type": "boolean"}
        if field.type in _INTEGERS:
            return {"type": "integer"}
        if field.type in _WIDE_INTEGERS:
            return {"type": ["integer", "string"], "format": "int64"}
        if field.type in {_F.TYPE_DOUBLE, _F.TYPE_FLOAT}:
            return {"type": "number"}
        if field.options.Extensions[options_pb2.decimal]:
            return {"type": "string", "format": "decimal"}
        return {"type": "string"}

    def _of_enum(self, full_name: str) -> Schema:
        enum = self.text.enums[full_name]
        prefix = enum_prefix(enum.name)
        said = self.text.comments
        self.components[enum.name] = {
            "type": "string",
            "description": said[full_name],
            "enum": [value.name.removeprefix(prefix).lower() for value in enum.value],
            "x-enum-descriptions": [said[f"{full_name}.{value.name}"] for value in enum.value],
        }
        return {"$ref": f"#/components/schemas/{enum.name}"}

    def of_message(self, full_name: str) -> Schema:
        """Return a reference to a message's schema."""
        message = self.text.messages[full_name]
        if message.name not in self.components:
            self.components[message.name] = {}  # before the fields: messages may contain themselves
            self.components[message.name] = self.inline(full_name, without=())
        return {"$ref": f"#/components/schemas/{message.name}"}

    def inline(self, full_name: str, without: Iterable[str]) -> Schema:
        """Return the schema of a message itself, leaving some fields out."""
        message = self.text.messages[full_name]
        fields = [field for field in message.field if field.name not in set(without)]
        incoming = full_name in self._sent_by_clients
        required = [field.name for field in fields if not incoming or _is_required(field)]
        schema: Schema = {
            "type": "object",
            "description": self.text.comments.get(full_name, ""),
            "properties": {field.name: self.of_field(full_name, field) for field in fields},
        }
        if required:
            schema["required"] = required
        return schema


def _reachable(text: Text, roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in text.messages:
            continue
        found.add(name)
        waiting += [field.type_name for field in text.messages[name].field]
    return found


def _is_required(field: FieldDescriptorProto) -> bool:
    behavior = field.options.Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.REQUIRED in behavior


def _may_be_null(field: FieldDescriptorProto) -> bool:
    """Fields with presence, and decimals, are null when they are not set."""
    return (
        field.type == _F.TYPE_MESSAGE
        or field.proto3_optional
        or field.options.Extensions[options_pb2.decimal]
    )


def _or_null(schema: Schema) -> Schema:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}


def _operation(schemas: _Schemas, method: Method, rule: http_pb2.HttpRule, number: int) -> Schema:
    proto = method.proto
    options = proto.options.Extensions
    role = options_pb2.Role.Name(options[options_pb2.required_role])
    planned = options[options_pb2.planned]
    operation: Schema = {
        "operationId": proto.name if number == 0 else f"{proto.name}_{number + 1}",
        "tags": [method.service.name],
        "summary": method.comment.partition(". ")[0].rstrip("."),
        "description": method.comment + (" Comes with a later release: 501." if planned else ""),
        "x-required-role": role.removeprefix("ROLE_").lower(),
        "x-grpc-method": f"{method.package}.{method.service.name}/{proto.name}",
        "responses": {
            "200": {"description": "Done.", "content": _json(_answer(schemas, proto, rule))},
            "default": {
                "description": "Not done.",
                "content": _json({"$ref": "#/components/schemas/Error"}),
            },
        },
    }
    if options[options_pb2.required_role] == options_pb2.ROLE_PUBLIC:
        operation["security"] = []
    else:
        operation["security"] = [{"bearer": []}, {"cookie": []}]
    if options[options_pb2.rate_limit_exempt]:
        operation["x-rate-limit-exempt"] = True
    if planned:
        operation["x-planned"] = True
    if parameters := _parameters(schemas, proto, rule):
        operation["parameters"] = parameters
    if rule.body:
        operation["requestBody"] = {"required": True, "content": _json(_body(schemas, proto, rule))}
    return operation


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _answer(schemas: _Schemas, proto: MethodDescriptorProto, rule: http_pb2.HttpRule) -> Schema:
    if not rule.response_body:
        return schemas.of_message(proto.output_type)
    message = schemas.text.messages[proto.output_type]
    field = next(f for f in message.field if f.name == rule.response_body)
    return schemas.of_message(field.type_name)


def _body(schemas: _Schemas, proto: MethodDescriptorProto, rule: http_pb2.HttpRule) -> Schema:
    message = schemas.text.messages[proto.input_type]
    if rule.body == "*":
        in_path = path_variables(verb_and_path(rule)[1])
        if in_path:
            return schemas.inline(proto.input_type, without=in_path)
        return schemas.of_message(proto.input_type)
    field = next(f for f in message.field if f.name == rule.body)
    return schemas.of_message(field.type_name)


def _parameters(
    schemas: _Schemas, proto: MethodDescriptorProto, rule: http_pb2.HttpRule
) -> list[Schema]:
    in_path = path_variables(verb_and_path(rule)[1])
    parameters = []
    for field in schemas.text.messages[proto.input_type].field:
        place = "path" if field.name in in_path else "query"
        if place == "query" and rule.body in {"*", field.name}:
            continue
        schema = schemas.of_field(proto.input_type, field)
        parameter = {
            "name": field.name,
            "in": place,
            "description": schema.pop("description", ""),
            "schema": _never_null(schema),
        }
        if place == "path" or _is_required(field):
            parameter["required"] = True
        parameters.append(parameter)
    return parameters


def _never_null(schema: Schema) -> Schema:
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        rest = [kind for kind in kinds if kind != "null"]
        return {**schema, "type": rest[0] if len(rest) == 1 else rest}
    return schema


def write(content: bytes, version: str) -> bytes:
    """Return the document of a serialised contract as indented JSON."""
    encoded = msgspec.json.encode(document(read(content), version))
    return msgspec.json.format(encoded, indent=2) + b"\n"


def main() -> None:
    """Write the document of the contract file named first to the file named second."""
    contract, target, version = sys.argv[1:4]
    Path(target).write_bytes(write(Path(contract).read_bytes(), version))


def shipped(version: str) -> bytes:
    """Return the document of the contract that ships with the stubs, compact."""
    return msgspec.json.encode(document(load(), version))


if __name__ == "__main__":
    main()
