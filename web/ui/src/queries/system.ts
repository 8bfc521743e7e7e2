// Risk state, health and events.
import { request } from "@/api/http";
import type { CircuitBreaker, Health, RiskState, SystemEvent, SystemStatus } from "@/api/types";
import { keys } from "@/live/apply";
import { fetchHealth, HEALTH_KEY } from "./health_query";
import { fetchList, POLL_MS, type RowShape, usePushedRows } from "./lists";
import { type Resource, useResource } from "./resource";

const BASE = "/api/v1/system";

const EVENT_SHAPE: RowShape<SystemEvent> = {
  id: (event) => event.id,
  time: (event) => event.time,
};

/** Trading mode, use of the limits and what blocks trading. */
export function useRiskState(): Resource<RiskState> {
  return useResource<RiskState>({
    queryKey: ["risk", "state"],
    fetch: (signal) => request("GET", "/api/v1/risk/state", { signal }),
    liveKey: keys.risk,
    channel: "risk",
    service: "risk",
    pollMs: POLL_MS.fast,
  });
}

export function useHealth(): Resource<Health> {
  return useResource<Health>({
    queryKey: HEALTH_KEY,
    fetch: (signal) => fetchHealth({ signal }),
    pollMs: POLL_MS.fast,
  });
}

export function useSystemStatus(): Resource<SystemStatus> {
  return useResource<SystemStatus>({
    queryKey: ["system", "status"],
    fetch: (signal) => request("GET", `${BASE}/status`, { signal }),
    pollMs: POLL_MS.rare,
  });
}

export function useCircuitBreakers(): Resource<CircuitBreaker[]> {
  return useResource<CircuitBreaker[]>({
    queryKey: ["system", "breakers"],
    fetch: (signal) => fetchList(`${BASE}/circuit-breakers`, "circuit_breakers", signal),
    pollMs: POLL_MS.slow,
  });
}

/** System events, newest first. */
export function useSystemEvents(pageSize: number): Resource<SystemEvent[]> {
  const resource = useResource<SystemEvent[]>({
    queryKey: ["system", "events", pageSize],
    fetch: (signal) => fetchList(`${BASE}/events`, "events", signal, { page_size: pageSize }),
    channel: "system",
    pollMs: POLL_MS.slow,
  });
  return usePushedRows(resource, keys.events, EVENT_SHAPE, pageSize);
}
