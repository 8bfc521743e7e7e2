// The equity curve with its drawdown. The chart library is fetched only when there is a curve.
import { lazy, Suspense, useState } from "react";
import type { EquityPoint } from "@/api/types";
import { formatDecimal, formatShare } from "@/format/decimal";
import { formatTime, zoneName } from "@/format/time";
import { usePreferences } from "@/preferences/preferences";
import { useEquity } from "@/queries/portfolio";
import { Panel } from "@/widgets/Panel";
import { Segments } from "@/widgets/Segments";
import styles from "./EquityPanel.module.css";
import { RANGES, type RangeName, startOfRange } from "./ranges";

const EquityChart = lazy(() => import("@/chart/EquityChart"));

const POINTS = 500;
const hasNoCurve = (points: EquityPoint[]) => points.length < 2;

export function EquityPanel({ className }: { className?: string | undefined }) {
  const [range, setRange] = useState<RangeName>("1D");
  const equity = useEquity(range, () => startOfRange(range, Date.now()), POINTS);
  return (
    <Panel
      title="Equity and drawdown"
      resource={equity}
      isEmpty={hasNoCurve}
      empty={{
        text: "There is no curve for this time yet.",
        next: "A point is added each time the account is valued.",
      }}
      rows={9}
      className={className}
      actions={<Segments label="Range" options={RANGES} value={range} onChange={setRange} />}
    >
      {(points) => (
        <>
          <Suspense fallback={<div className={styles.chart} />}>
            <div className={styles.chart}>
              <EquityChart key={range} points={points} />
            </div>
          </Suspense>
          <CurveInWords points={points} />
        </>
      )}
    </Panel>
  );
}

/** What the chart shows, for those who cannot see it. */
function CurveInWords({ points }: { points: EquityPoint[] }) {
  const { zone } = usePreferences();
  const first = points[0];
  const last = points.at(-1);
  const deepest = points.reduce(
    (least, point) => Math.min(least, Number(point.drawdown_share ?? 0)),
    0,
  );
  return (
    <p className="visually-hidden">
      From {formatTime(first?.time, "short", zone)} to {formatTime(last?.time, "short", zone)}{" "}
      {zoneName(zone)} equity went from {formatDecimal(first?.equity, { places: 2 })} to{" "}
      {formatDecimal(last?.equity, { places: 2 })}; the deepest drawdown was{" "}
      {formatShare(deepest.toFixed(6), { places: 2 })}.
    </p>
  );
}
