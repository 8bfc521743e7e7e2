// What can go wrong with a call, as one type that panels and forms can show.

import { sentence } from "@/format/words";

export interface ErrorDetail {
  field?: string;
  description?: string;
}

interface ErrorBody {
  code?: string;
  message?: string;
  request_id?: string;
  details?: ErrorDetail[];
}

// Too many calls, and what stands for a service that is away or slow.
const PASSING_STATUSES = new Set([429, 502, 503, 504]);

/** The answer to a call that failed. `status` is 0 when no answer came at all. */
export class ApiError extends Error {
  readonly status: number;
  /** Stable code of the server, or NETWORK / TIMEOUT when it did not answer. */
  readonly code: string;
  readonly requestId: string;
  readonly details: readonly ErrorDetail[];
  /** How long the server asks to wait before another try; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(status: number, body: ErrorBody, retryAfterMs = 0) {
    super(body.message || `The server answered with status ${status}.`);
    this.name = "ApiError";
    this.status = status;
    this.code = body.code || `HTTP_${status}`;
    this.requestId = body.request_id ?? "";
    this.retryAfterMs = retryAfterMs;
    this.details = Array.isArray(body.details) ? body.details : [];
  }

  /** True when the server could not be reached, so nothing is known about the outcome. */
  get unreachable(): boolean {
    return this.status === 0;
  }

  /** True when a later, identical call may well succeed. */
  get transient(): boolean {
    return this.unreachable || PASSING_STATUSES.has(this.status);
  }
}

/** Builds the error of a response that is not 2xx; the body may be anything. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const fields = typeof body === "object" && body !== null ? (body as ErrorBody) : {};
  const requestId = fields.request_id || response.headers.get("X-Request-ID") || "";
  const retryAfterMs = Number(response.headers.get("Retry-After") ?? 0) * 1000 || 0;
  return new ApiError(response.status, { ...fields, request_id: requestId }, retryAfterMs);
}

/** Builds the error of a call that got no answer. */
export function unreachableError(cause: unknown): ApiError {
  const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
  return new ApiError(0, {
    code: timedOut ? "TIMEOUT" : "NETWORK",
    message: timedOut
      ? "The server did not answer in time."
      : "The server cannot be reached. Check the network and that the system is running.",
  });
}

/** A sentence for a person from whatever was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    const fields = error.details.flatMap(({ field, description }) =>
      description && !error.message.includes(description)
        ? [[field, description].filter(Boolean).join(": ")]
        : [],
    );
    return sentence([error.message, ...fields].join("; "));
  }
  return error instanceof Error ? error.message : "Something went wrong in the page.";
}
