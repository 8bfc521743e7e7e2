// Portfolio: equity, positions and the curve.
import { request } from "@/api/http";
import type { EquityPoint, Position, Summary } from "@/api/types";
import { keys, type Portfolio } from "@/live/apply";
import { fetchList, POLL_MS } from "./lists";
import { type Resource, useResource } from "./resource";

const BASE = "/api/v1/portfolio";

/** Summary and positions of the default account. */
export function usePortfolio(): Resource<Portfolio> {
  return useResource<Portfolio>({
    queryKey: ["portfolio", "now"],
    fetch: async (signal) => {
      const [summary, positions] = await Promise.all([
        request<Summary>("GET", `${BASE}/summary`, { signal }),
        fetchList<Position>(`${BASE}/positions`, "positions", signal, { page_size: 500 }),
      ]);
      return { summary, positions };
    },
    liveKey: keys.portfolio,
    channel: "portfolio",
    service: "portfolio",
    pollMs: POLL_MS.fast,
  });
}

/**
 * The equity curve of a range, oldest first.
 *
 * @param range names the range in the cache.
 * @param startTime gives its first moment (RFC 3339; empty for the beginning) at each call, so that
 *   "the last day" moves on while the page stays open.
 */
export function useEquity(
  range: string,
  startTime: () => string,
  points: number,
): Resource<EquityPoint[]> {
  return useResource<EquityPoint[]>({
    queryKey: ["portfolio", "equity", range, points],
    fetch: (signal) =>
      fetchList(`${BASE}/equity`, "points", signal, { points, start_time: startTime() }),
    service: "portfolio",
    pollMs: POLL_MS.rare,
  });
}
