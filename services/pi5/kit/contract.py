"""What the contract says of each method and field, read once from the descriptors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from google.api import field_behavior_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from pi5.api.common.v1 import options_pb2
from pi5.domain.errors import InvalidInput
from pi5.domain.money import parse_decimal

_REQUIRED = field_behavior_pb2.REQUIRED
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class MethodRules:
    """Options of one method."""

    full_name: str
    role: options_pb2.Role.ValueType
    planned: bool
    rate_limit_exempt: bool
    known: bool = True


@cache
def method_rules(path: str) -> MethodRules:
    """Return the rules of a method such as "/pi5.api.risk.v1.RiskService/Halt".

    Methods outside our contract (health, reflection) are public.
    """
    service, _, method = path.lstrip("/").partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
    except KeyError:
        return MethodRules(
            path, options_pb2.ROLE_PUBLIC, planned=False, rate_limit_exempt=True, known=False
        )
    if not service.startswith("pi5."):
        return MethodRules(path, options_pb2.ROLE_PUBLIC, planned=False, rate_limit_exempt=True)
    options = found.GetOptions().Extensions
    return MethodRules(
        path,
        options[options_pb2.required_role],
        planned=options[options_pb2.planned],
        rate_limit_exempt=options[options_pb2.rate_limit_exempt],
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which fields of a message must be looked at."""

    required: tuple[FieldDescriptor, ...]
    decimals: tuple[FieldDescriptor, ...]
    enums: tuple[FieldDescriptor, ...]
    nested: tuple[FieldDescriptor, ...]


@cache
def _plan(descriptor: Descriptor) -> _Plan:
    required, decimals, enums, nested = [], [], [], []
    for field in descriptor.fields:
        options = field.GetOptions().Extensions
        if _REQUIRED in options[field_behavior_pb2.field_behavior]:
            required.append(field)
        if options[options_pb2.decimal]:
            decimals.append(field)
        if field.enum_type is not None:
            enums.append(field)
        message = field.message_type
        is_map = message is not None and message.GetOptions().map_entry
        if message is not None and not is_map and message.file.package.startswith("pi5."):
            nested.append(field)
    return _Plan(tuple(required), tuple(decimals), tuple(enums), tuple(nested))


def validate(message: Message, prefix: str = "", depth: int = 0) -> None:
    """Hold a request against the contract: required fields, plain decimals, known enum values.

    Raises:
        InvalidInput: MISSING_FIELD, NOT_A_DECIMAL, UNKNOWN_ENUM_VALUE or TOO_DEEP with the field.
    """
    if depth > _MAX_DEPTH:
        raise InvalidInput("TOO_DEEP", f"the request is nested deeper than {_MAX_DEPTH} messages")
    plan = _plan(message.DESCRIPTOR)
    for field in plan.required:
        if not _is_set(message, field):
            path = prefix + field.name
            raise InvalidInput("MISSING_FIELD", f"{path} is required", field=path)
    for field in plan.decimals:
        value = getattr(message, field.name)
        for text in [value] if isinstance(value, str) else value:
            if text:
                parse_decimal(text, prefix + field.name)
    for field in plan.enums:
        value = getattr(message, field.name)
        for number in [value] if isinstance(value, int) else value:
            if field.enum_type and number not in field.enum_type.values_by_number:
                path = prefix + field.name
                raise InvalidInput(
                    "UNKNOWN_ENUM_VALUE", f"{path} has no value {number}", field=path
                )
    for field in plan.nested:
        value = getattr(message, field.name)
        if isinstance(value, Message):
            if message.HasField(field.name):
                validate(value, f"{prefix}{field.name}.", depth + 1)
        else:
            for index, item in enumerate(value):
                validate(item, f"{prefix}{field.name}[{index}].", depth + 1)


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    return bool(getattr(message, field.name))
