// Lists come from a call and grow by what the socket brings: the newer version of each row wins.
import { useMemo } from "react";
import type { Query } from "@/api/http";
import { request } from "@/api/http";
import { parseTime } from "@/format/time";
import { useLive } from "@/live/client";
import type { Resource } from "./resource";

type Text = string | null | undefined;

/** How often a value is asked for while nothing is pushed. */
export const POLL_MS = { fast: 10_000, slow: 20_000, rare: 60_000 } as const;

/** Fetches the list under `field`, which the server may leave out when it is empty. */
export async function fetchList<T>(
  path: string,
  field: string,
  signal: AbortSignal,
  query: Query = {},
): Promise<T[]> {
  const answer = await request<Record<string, T[] | undefined>>("GET", path, { query, signal });
  return answer[field] ?? [];
}

/** What identifies a row, and the times that order rows and their versions. */
export interface RowShape<T> {
  id: (row: T) => Text;
  /** Newest first by this. */
  time: (row: T) => Text;
  /** The version with the later one is kept; the pushed one when there is none. */
  version?: (row: T) => Text;
}

function isOlder<T>(pushed: T, known: T, version: RowShape<T>["version"]): boolean {
  const [left, right] = [parseTime(version?.(pushed)), parseTime(version?.(known))];
  return left !== null && right !== null && left < right;
}

/** Joins two lists by id and sorts them newest first. */
export function mergeRows<T>(fetched: readonly T[], pushed: readonly T[], shape: RowShape<T>): T[] {
  const rows = new Map<Text, T>(fetched.map((row) => [shape.id(row), row]));
  for (const row of pushed) {
    const known = rows.get(shape.id(row));
    if (known === undefined || !isOlder(row, known, shape.version)) rows.set(shape.id(row), row);
  }
  const time = (row: T) => parseTime(shape.time(row)) ?? 0;
  return [...rows.values()].sort((left, right) => time(right) - time(left));
}

/** A fetched list with the rows pushed under `liveKey`; at most `sizeMax`, newest first. */
export function usePushedRows<T>(
  resource: Resource<T[]>,
  liveKey: string,
  shape: RowShape<T>,
  sizeMax: number,
): Resource<T[]> {
  const pushed = useLive<T[]>(liveKey);
  const { data } = resource;
  const merged = useMemo(
    () => (data && pushed ? mergeRows(data, pushed, shape).slice(0, sizeMax) : data),
    [data, pushed, shape, sizeMax],
  );
  return { ...resource, data: merged };
}
