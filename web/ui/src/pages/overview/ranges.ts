// The stretches of time a curve can be looked at.

export const RANGES = ["1D", "1W", "1M", "1Y", "All"] as const;
export type RangeName = (typeof RANGES)[number];

const DAY_MS = 86_400_000;
const DAYS: Record<RangeName, number | null> = { "1D": 1, "1W": 7, "1M": 30, "1Y": 365, All: null };

/** First moment of a range as RFC 3339; empty for everything. */
export function startOfRange(range: RangeName, nowMs: number): string {
  const days = DAYS[range];
  return days === null ? "" : new Date(nowMs - days * DAY_MS).toISOString();
}
