// The one way to call the bridge: cookies carry the session, an expired one is refreshed once and
// the call repeated, and everything that changes state carries the headers that prove it was meant.
import { ApiError, errorOf, unreachableError } from "./errors";
import { newRequestId } from "./identifiers";
import { reportReachable } from "./reachability";
import { refreshSession } from "./refresh";

const TIMEOUT_MS = 15_000;

export type Method = "GET" | "POST" | "PATCH" | "DELETE";
export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** Names one intended change; a repeated call with the same key changes nothing twice. */
  idempotencyKey?: string;
}

let onSignedOut: () => void = () => {};

/** Sets what happens when the session is over and cannot be refreshed. */
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** Builds path and query; empty values are left out, lists are repeated. */
export function addressOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    if (Array.isArray(value)) for (const item of value) search.append(name, item);
    else search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

function headersOf(method: Method, options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method === "GET") return headers;
  headers["Content-Type"] = "application/json";
  headers["X-Requested-With"] = "pi5";
  headers["Idempotency-Key"] = options.idempotencyKey ?? newRequestId();
  return headers;
}

async function send(method: Method, address: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(address, { method, credentials: "same-origin", ...init });
    reportReachable(true);
    return response;
  } catch (cause) {
    const aborted = cause instanceof DOMException && cause.name === "AbortError";
    if (aborted) throw cause;
    reportReachable(false);
    throw unreachableError(cause);
  }
}

/**
 * Calls the bridge and gives its JSON answer.
 *
 * @throws ApiError with the server's code, or NETWORK / TIMEOUT when there was no answer.
 */
export async function request<T>(
  method: Method,
  path: string,
  options: RequestOptions = {},
): Promise<T> {
  const address = addressOf(path, options.query);
  // Both tries share the headers, so the repeated call has the same idempotency key.
  const init: RequestInit = { headers: headersOf(method, options) };
  if (method !== "GET") init.body = JSON.stringify(options.body ?? {});
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  init.signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;

  const sentAt = Date.now();
  let response = await send(method, address, init);
  if (response.status === 401 && !isCredentialCall(path)) {
    if (await refreshSession(sentAt)) response = await send(method, address, init);
    if (response.status === 401) onSignedOut();
  }
  if (!response.ok) throw await errorOf(response);
  if (response.status === 204) return undefined as T;
  return (await response.json().catch(() => {
    throw new ApiError(response.status, {
      code: "NOT_JSON",
      message: "The server's answer could not be read.",
    });
  })) as T;
}

/** A 401 of these means a wrong password or token, not an expired session. */
function isCredentialCall(path: string): boolean {
  return path === "/auth/login" || path === "/auth/setup" || path === "/auth/refresh";
}
