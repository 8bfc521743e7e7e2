// Which of its states a panel is in. One function decides, so that every widget of the page
// answers loading, silence and failure in the same way.
import { ApiError, messageOf } from "@/api/errors";
import type { Resource } from "@/queries/resource";

export type PanelState<T> =
  | { kind: "loading" }
  | { kind: "forbidden" }
  | { kind: "offline" }
  | { kind: "error"; message: string; requestId: string }
  | { kind: "empty" }
  | { kind: "ready"; data: T; stale: boolean; offline: boolean; asOf: number; trouble: string };

/** Data that is there is always shown; what is wrong with it is said beside it. */
export function panelStateOf<T>(
  resource: Resource<T>,
  isEmpty: (data: T) => boolean,
  reachable: boolean,
): PanelState<T> {
  const { data, error } = resource;
  if (data === undefined) return stateWithoutData(error, reachable);
  if (isEmpty(data) && !resource.stale) return { kind: "empty" };
  return {
    kind: "ready",
    data,
    stale: resource.stale,
    offline: resource.stale && !reachable,
    asOf: resource.receivedAt,
    trouble: error ? messageOf(error) : "",
  };
}

function stateWithoutData<T>(error: Error | null, reachable: boolean): PanelState<T> {
  if (!error) return { kind: "loading" };
  if (error instanceof ApiError) {
    if (error.status === 403) return { kind: "forbidden" };
    if (error.unreachable && !reachable) return { kind: "offline" };
  }
  const requestId = error instanceof ApiError ? error.requestId : "";
  return { kind: "error", message: messageOf(error), requestId };
}
