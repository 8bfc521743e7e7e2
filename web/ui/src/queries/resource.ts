// One value from two sources: asked for over HTTP, kept up over the socket. Whichever is newer is
// shown; without the socket the page goes on by asking more often.
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { type ChannelFault, keys, type Received } from "@/live/apply";
import { useLink, useLive } from "@/live/client";
import type { Channel } from "@/live/frames";
import { fetchHealth, HEALTH_KEY } from "./health_query";

export interface Resource<T> {
  data: T | undefined;
  /** When the data came, in milliseconds since 1970; 0 before the first. */
  receivedAt: number;
  error: Error | null;
  loading: boolean;
  /** True when the data is older than promised. */
  stale: boolean;
  retry: () => void;
}

export interface ResourceSpec<T> {
  queryKey: readonly unknown[];
  fetch: (signal: AbortSignal) => Promise<T>;
  /** Key of the live store that holds a newer value of the same shape. */
  liveKey?: string;
  /** The channel that brings changes, so that calls can be rare while it works. */
  channel?: Channel;
  /** The service that answers; its data is old from the moment its health says it is down. */
  service?: string;
  /** Time between two calls while nothing is pushed. */
  pollMs: number;
}

// The server lets one client make a hundred calls a minute: an open page must need far fewer.
const POLL_WHILE_PUSHED_MS = 60_000;
const STALE_AFTER_POLLS = 3;
const NO_KEY = "-";

/** Joins the answer to a call with what the socket brought since. */
export function useResource<T>(spec: ResourceSpec<T>): Resource<T> {
  const link = useLink();
  const pushed = useLive<Received<T>>(spec.liveKey ?? NO_KEY);
  const fault = useLive<ChannelFault>(spec.channel ? keys.fault(spec.channel) : NO_KEY);
  const downAt = useServiceDownAt(spec.service);
  const arrives = spec.liveKey === undefined || pushed !== undefined;
  const carried = link.state === "live" && spec.channel !== undefined && arrives && !fault;
  const query = useQuery({
    queryKey: spec.queryKey,
    queryFn: ({ signal }) => spec.fetch(signal),
    refetchInterval: carried && downAt === 0 ? POLL_WHILE_PUSHED_MS : spec.pollMs,
  });
  // A service that hangs sends nothing and no error either: its silence is no quiet market.
  const down = Math.max(pushed?.receivedAt ?? 0, query.dataUpdatedAt) < downAt;
  const pushing = carried && !down;
  const pushedIsNewer = pushed && (pushing || pushed.receivedAt >= query.dataUpdatedAt);
  const receivedAt = pushedIsNewer ? pushed.receivedAt : query.dataUpdatedAt;
  const late = useLateness(receivedAt, pushing ? null : spec.pollMs * STALE_AFTER_POLLS);
  const error = query.error;
  return {
    data: pushedIsNewer ? pushed.value : query.data,
    receivedAt,
    error,
    loading: query.isPending && !pushed,
    stale: receivedAt > 0 && !pushing && (late || down || error !== null),
    retry: () => void query.refetch(),
  };
}

/** When the last look found a service down, in milliseconds since 1970; 0 while it is not. */
function useServiceDownAt(service: string | undefined): number {
  const health = useQuery({ queryKey: HEALTH_KEY, queryFn: fetchHealth, enabled: false });
  const part = health.data?.components?.find((candidate) => candidate.name === service);
  return service !== undefined && part?.state === "down" ? health.dataUpdatedAt : 0;
}

/** True once `maxAgeMs` have passed since a moment; never when it is null. */
function useLateness(sinceMs: number, maxAgeMs: number | null): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (maxAgeMs === null || sinceMs === 0) return;
    const remainingMs = Math.max(0, sinceMs + maxAgeMs - Date.now());
    const timer = setTimeout(() => setLate(true), remainingMs);
    return () => clearTimeout(timer);
  }, [sinceMs, maxAgeMs]);
  return late;
}
