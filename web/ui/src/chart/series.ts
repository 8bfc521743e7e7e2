// Equity points as the chart takes them: seconds, strictly rising, bounded.
import type { EquityPoint } from "@/api/types";
import { toChartNumber } from "@/format/decimal";
import { parseTime } from "@/format/time";

export const POINTS_MAX = 5_000;

export interface ChartPoint {
  /** Seconds since 1970. */
  time: number;
  equity: number;
  /** In percent, 0 or negative. */
  drawdown: number;
}

/** One point; null when time or equity is missing. */
export function chartPointOf(point: EquityPoint): ChartPoint | null {
  const ms = parseTime(point.time);
  const equity = toChartNumber(point.equity);
  if (ms === null || equity === null) return null;
  const drawdown = (toChartNumber(point.drawdown_share) ?? 0) * 100;
  return { time: Math.floor(ms / 1000), equity, drawdown };
}

/** The newest points in order; of several in one second the last is kept. */
export function chartPointsOf(points: readonly EquityPoint[]): ChartPoint[] {
  const bySecond = new Map<number, ChartPoint>();
  for (const point of points) {
    const converted = chartPointOf(point);
    if (converted) bySecond.set(converted.time, converted);
  }
  return [...bySecond.values()].sort((left, right) => left.time - right.time).slice(-POINTS_MAX);
}

/** Seconds between points of a curve, at least one: live points are put on the same raster. */
export function rasterOf(points: readonly ChartPoint[]): number {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 2) return 1;
  return Math.max(1, Math.round((last.time - first.time) / (points.length - 1)));
}

/** Where a live point belongs: in its raster's slot, but never before the newest point. */
export function slotOf(point: ChartPoint, rasterS: number, newest: ChartPoint): ChartPoint | null {
  if (point.time < newest.time) return null;
  const slot = Math.floor(point.time / rasterS) * rasterS;
  return { ...point, time: Math.max(newest.time, slot) };
}
