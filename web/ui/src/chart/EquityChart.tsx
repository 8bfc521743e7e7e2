// Equity above, drawdown below, one time axis. Live values go from the store straight into the
// chart, never through React; the arrow keys walk the curve and the value is read out.
import {
  AreaSeries,
  BaselineSeries,
  type ChartOptions,
  CrosshairMode,
  createChart,
  type DeepPartial,
  type IChartApi,
  type ISeriesApi,
  LineStyle,
  type UTCTimestamp,
} from "lightweight-charts";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { EquityPoint } from "@/api/types";
import { formatDecimal } from "@/format/decimal";
import { formatTime, type TimeStyle, type TimeZoneChoice, zoneName } from "@/format/time";
import { keys, type Portfolio, type Received } from "@/live/apply";
import { live } from "@/live/client";
import { usePreferences } from "@/preferences/preferences";
import { type ChartColours, readChartColours } from "./colours";
import styles from "./EquityChart.module.css";
import {
  type ChartPoint,
  chartPointOf,
  chartPointsOf,
  POINTS_MAX,
  rasterOf,
  slotOf,
} from "./series";

const money = (value: number) => formatDecimal(value.toFixed(2), { places: 2 });
const percent = (value: number) => `${formatDecimal(value.toFixed(2), { places: 2 })} %`;

interface Curve {
  chart: IChartApi;
  equity: ISeriesApi<"Area">;
  drawdown: ISeriesApi<"Baseline">;
  points: ChartPoint[];
  /** Seconds between points. */
  rasterS: number;
  /** True until the reader zooms or scrolls: then the whole curve is kept in sight. */
  fitted: boolean;
}

// By the library's kinds of marks: year, month, day, time, time with seconds.
const TICK_STYLES: readonly TimeStyle[] = ["month", "month", "day", "clock", "time"];

function optionsOf(colours: ChartColours, zone: TimeZoneChoice): DeepPartial<ChartOptions> {
  return {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: colours.text,
      fontSize: 11,
      fontFamily: getComputedStyle(document.documentElement).fontFamily,
      // The logo would inject an inline style, which the content security policy refuses; the
      // notice and the link are in the footer of every page.
      attributionLogo: false,
      panes: { separatorColor: colours.grid, separatorHoverColor: colours.grid },
    },
    grid: { vertLines: { visible: false }, horzLines: { color: colours.grid } },
    rightPriceScale: { borderVisible: false },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      secondsVisible: true,
      fixLeftEdge: true,
      fixRightEdge: true,
      tickMarkFormatter: (time: UTCTimestamp, kind: number) =>
        formatTime(time * 1000, TICK_STYLES[kind] ?? "clock", zone),
    },
    crosshair: { mode: CrosshairMode.Magnet },
    localization: {
      timeFormatter: (time: UTCTimestamp) =>
        `${formatTime(time * 1000, "short", zone)} ${zoneName(zone)}`,
    },
    handleScroll: { vertTouchDrag: false },
  };
}

function buildCurve(host: HTMLElement, zone: TimeZoneChoice): Curve {
  const colours = readChartColours(host);
  const chart = createChart(host, optionsOf(colours, zone));
  const equity = chart.addSeries(AreaSeries, {
    lineColor: colours.line,
    topColor: colours.fill,
    bottomColor: colours.fillEnd,
    lineWidth: 2,
    priceLineStyle: LineStyle.Dotted,
    priceFormat: { type: "custom", formatter: money, minMove: 0.01 },
  });
  const drawdown = chart.addSeries(
    BaselineSeries,
    {
      baseValue: { type: "price", price: 0 },
      topLineColor: colours.loss,
      topFillColor1: colours.lossFill,
      topFillColor2: colours.lossFill,
      bottomLineColor: colours.loss,
      bottomFillColor1: colours.lossFill,
      bottomFillColor2: colours.lossFill,
      lineWidth: 1,
      priceLineVisible: false,
      priceFormat: { type: "custom", formatter: percent, minMove: 0.01 },
    },
    1,
  );
  chart.panes()[0]?.setStretchFactor(3);
  chart.panes()[1]?.setStretchFactor(1);
  const curve: Curve = { chart, equity, drawdown, points: [], rasterS: 1, fitted: true };
  for (const gesture of ["wheel", "pointerdown"]) {
    host.addEventListener(gesture, () => (curve.fitted = false), { passive: true });
  }
  return curve;
}

function setPoints(curve: Curve, points: ChartPoint[]): void {
  curve.points = points;
  const at = (point: ChartPoint) => point.time as UTCTimestamp;
  curve.equity.setData(points.map((point) => ({ time: at(point), value: point.equity })));
  curve.drawdown.setData(points.map((point) => ({ time: at(point), value: point.drawdown })));
}

/** Adds or replaces the newest point; the oldest half goes when there are too many. */
function addPoint(curve: Curve, live: ChartPoint): void {
  const last = curve.points.at(-1);
  const point = last && slotOf(live, curve.rasterS, last);
  if (!point) return;
  if (curve.points.length >= POINTS_MAX) setPoints(curve, curve.points.slice(POINTS_MAX / 2));
  if (last.time === point.time) curve.points.pop();
  curve.points.push(point);
  const time = point.time as UTCTimestamp;
  curve.equity.update({ time, value: point.equity });
  curve.drawdown.update({ time, value: point.drawdown });
  if (curve.fitted) curve.chart.timeScale().fitContent();
}

function latestPoint(): ChartPoint | null {
  const summary = live.store.get<Received<Portfolio>>(keys.portfolio)?.value.summary;
  return summary ? chartPointOf(summary) : null;
}

export default function EquityChart({ points }: { points: readonly EquityPoint[] }) {
  const host = useRef<HTMLDivElement>(null);
  const curve = useRef<Curve | null>(null);
  const { zone, theme, colours } = usePreferences();
  const scheme = useColourScheme();
  const [spoken, setSpoken] = useState("");
  const [cursor, setCursor] = useState<number | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme needs a new chart
  useEffect(() => {
    if (!host.current) return;
    const built = buildCurve(host.current, zone);
    curve.current = built;
    const unsubscribe = live.store.subscribe(keys.portfolio, () => {
      const point = latestPoint();
      if (point && built.points.length > 0) addPoint(built, point);
    });
    return () => {
      unsubscribe();
      built.chart.remove();
      curve.current = null;
    };
  }, [zone, theme, colours, scheme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new chart needs the points again
  useEffect(() => {
    if (!curve.current) return;
    const converted = chartPointsOf(points);
    curve.current.rasterS = rasterOf(converted);
    setPoints(curve.current, converted);
    // A fetch of the same stretch must not undo the reader's zoom.
    if (curve.current.fitted) curve.current.chart.timeScale().fitContent();
  }, [points, zone, theme, colours, scheme]);

  const walk = (event: KeyboardEvent) => {
    const built = curve.current;
    const next = built && nextCursor(event, cursor, built.points.length);
    const point = next === null ? undefined : built?.points[next];
    if (!built || next === null || !point) return;
    event.preventDefault();
    setCursor(next);
    built.chart.setCrosshairPosition(point.equity, point.time as UTCTimestamp, built.equity);
    const time = formatTime(point.time * 1000, "short", zone);
    setSpoken(`${time}: equity ${money(point.equity)}, drawdown ${percent(point.drawdown)}`);
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: a chart is no fieldset
    <div
      ref={host}
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys walk the curve
      tabIndex={0}
      aria-label="Equity and drawdown over time. Use the arrow keys to read values."
      className={styles.chart}
      onKeyDown={walk}
      onBlur={() => curve.current?.chart.clearCrosshairPosition()}
    >
      <p className="visually-hidden" aria-live="polite">
        {spoken}
      </p>
    </div>
  );
}

/** The point an arrow key leads to; null for other keys. Shift walks ten at a time. */
function nextCursor(event: KeyboardEvent, cursor: number | null, count: number): number | null {
  const last = count - 1;
  const from = cursor ?? last;
  const step = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case "ArrowLeft":
      return Math.max(0, from - step);
    case "ArrowRight":
      return Math.min(last, from + step);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}

/** Changes when the system turns dark or light. */
function useColourScheme(): boolean {
  const [dark, setDark] = useState(() => window.matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = window.matchMedia("(prefers-color-scheme: dark)");
    const listen = () => setDark(media.matches);
    media.addEventListener("change", listen);
    return () => media.removeEventListener("change", listen);
  }, []);
  return dark;
}
