// Strategies and their signals.
import { request } from "@/api/http";
import type { SignalRecord, Strategy, StrategyType } from "@/api/types";
import { keys } from "@/live/apply";
import { fetchList, POLL_MS, type RowShape, usePushedRows } from "./lists";
import { type Resource, useResource } from "./resource";

const SIGNAL_SHAPE: RowShape<SignalRecord> = {
  id: (record) => record.signal?.id,
  time: (record) => record.signal?.created_at,
};

export function useStrategies(): Resource<Strategy[]> {
  return useResource<Strategy[]>({
    queryKey: ["strategies", "list"],
    fetch: (signal) => fetchList("/api/v1/strategies", "strategies", signal),
    service: "strategy",
    pollMs: POLL_MS.slow,
  });
}

/** The plug-ins that can be run. */
export function useStrategyTypes(): Resource<StrategyType[]> {
  return useResource<StrategyType[]>({
    queryKey: ["strategies", "types"],
    fetch: (signal) => fetchList("/api/v1/strategy-types", "strategy_types", signal),
    service: "strategy",
    pollMs: POLL_MS.rare,
  });
}

export interface NewStrategy {
  id: string;
  type: string;
  symbols: string[];
  timeframe: string;
  parameters: Record<string, string>;
}

/** Creates a strategy, stopped. @throws ApiError with the fields at fault. */
export async function createStrategy(strategy: NewStrategy): Promise<void> {
  await request("POST", "/api/v1/strategies", { body: strategy });
}

/** Signals with what became of each, newest first. */
export function useSignals(pageSize: number): Resource<SignalRecord[]> {
  const resource = useResource<SignalRecord[]>({
    queryKey: ["strategies", "signals", pageSize],
    fetch: (signal) => fetchList("/api/v1/signals", "signals", signal, { page_size: pageSize }),
    channel: "signals",
    service: "strategy",
    pollMs: POLL_MS.slow,
  });
  return usePushedRows(resource, keys.signals, SIGNAL_SHAPE, pageSize);
}
