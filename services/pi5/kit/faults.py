"""The one table between the domain's faults, gRPC codes and HTTP statuses."""

from __future__ import annotations

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from pi5.domain import errors

DOMAIN = "pi5"
GRPC_CODE: dict[type[errors.Fault], StatusCode] = {
    errors.InvalidInput: StatusCode.INVALID_ARGUMENT,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.Conflict: StatusCode.ALREADY_EXISTS,
    errors.Precondition: StatusCode.FAILED_PRECONDITION,
    errors.OutOfRange: StatusCode.OUT_OF_RANGE,
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.Forbidden: StatusCode.PERMISSION_DENIED,
    errors.Exhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.Planned: StatusCode.UNIMPLEMENTED,
    errors.ConfigurationFault: StatusCode.FAILED_PRECONDITION,
}
HTTP_STATUS: dict[StatusCode, int] = {
    StatusCode.OK: 200,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.ABORTED: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.CANCELLED: 499,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}


def grpc_code(fault: errors.Fault) -> StatusCode:
    """Return the gRPC code of a fault; INTERNAL for one without a kind."""
    for kind in type(fault).__mro__:
        if kind in GRPC_CODE:
            return GRPC_CODE[kind]
    return StatusCode.INTERNAL


def http_status(code: StatusCode) -> int:
    """Return the HTTP status of a gRPC code."""
    return HTTP_STATUS.get(code, 500)


def rich_status(fault: errors.Fault) -> status_pb2.Status:
    """Write a fault as google.rpc.Status with ErrorInfo and what else is known."""
    details = [
        error_details_pb2.ErrorInfo(reason=fault.code, domain=DOMAIN, metadata=fault.details)
    ]
    packed = [_pack(detail) for detail in details]
    if fault.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=fault.field, description=fault.message
        )
        packed.append(_pack(error_details_pb2.BadRequest(field_violations=[violation])))
    if isinstance(fault, errors.Precondition):
        broken = error_details_pb2.PreconditionFailure.Violation(
            type=fault.code, description=fault.message
        )
        packed.append(_pack(error_details_pb2.PreconditionFailure(violations=[broken])))
    if fault.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(fault.retry_after_s * 1000))
        packed.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    number: int = grpc_code(fault).value[0]
    return status_pb2.Status(code=number, message=fault.message, details=packed)


def _pack(message: object) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed


def reason_of(status: status_pb2.Status | None) -> str:
    """Return the stable code inside a rich status; empty when there is none."""
    for detail in status.details if status else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            return str(info.reason)
    return ""
