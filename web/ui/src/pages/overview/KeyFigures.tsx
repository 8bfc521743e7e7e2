// The four figures that say whether the account is all right, each beside its limit.
import type { ReactNode } from "react";
import type { LimitUse, Summary } from "@/api/types";
import { formatDecimal, formatShare, percentOf } from "@/format/decimal";
import type { Portfolio } from "@/live/apply";
import { usePortfolio } from "@/queries/portfolio";
import { useRiskState } from "@/queries/system";
import { LimitBar, ProfitLoss } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";
import styles from "./KeyFigures.module.css";
import { limitFor, longLimit, shortLimit } from "./limits";

const hasNoSummary = (portfolio: Portfolio) => !portfolio.summary?.equity;

export function KeyFigures({ className }: { className?: string | undefined }) {
  const portfolio = usePortfolio();
  return (
    <Panel
      title="Account"
      resource={portfolio}
      isEmpty={hasNoSummary}
      empty={{
        text: "The portfolio has no figures yet.",
        next: "They appear with the first price or fill.",
      }}
      rows={3}
      titleHidden
      className={className}
    >
      {({ summary }) => <Figures summary={summary ?? {}} />}
    </Panel>
  );
}

function Figures({ summary }: { summary: Summary }) {
  const { data: risk } = useRiskState();
  const uses = risk?.limit_uses ?? [];
  const money = (text: string | null | undefined) => formatDecimal(text, { places: 2 });
  return (
    <dl className={styles.figures}>
      <Figure label={`Equity, ${summary.currency ?? ""}`} value={money(summary.equity)}>
        <p className="muted">
          Cash {money(summary.cash)} · to spend {money(summary.buying_power)}
        </p>
      </Figure>
      <Figure
        label="Profit and loss today"
        value={<ProfitLoss value={summary.day_pnl} />}
        aside={percentOf(summary.day_pnl, summary.day_start_equity, { places: 2, signed: true })}
      >
        <Limit use={limitFor(uses, "daily_loss")} name="Daily loss" />
      </Figure>
      <Figure label="Exposure" value={formatShare(summary.exposure_share)}>
        <Limit use={limitFor(uses, "exposure")} name="Exposure" />
      </Figure>
      <Figure label="Drawdown" value={formatShare(summary.drawdown_share, { places: 2 })}>
        <Limit use={limitFor(uses, "drawdown")} name="Drawdown" />
      </Figure>
    </dl>
  );
}

interface FigureProps {
  label: string;
  value: ReactNode;
  aside?: string | null;
  children: ReactNode;
}

function Figure({ label, value, aside, children }: FigureProps) {
  return (
    <div className={styles.figure}>
      <dt className={styles.label}>{label}</dt>
      <dd>
        <p className={styles.value}>
          {value}
          {aside && <span className={styles.aside}>{aside}</span>}
        </p>
        <div className={styles.below}>{children}</div>
      </dd>
    </div>
  );
}

function Limit({ use, name }: { use: LimitUse | undefined; name: string }) {
  if (!use) return <p className="muted">No limit set</p>;
  const percent = Math.round((use.used ?? 0) * 100);
  return (
    <>
      <LimitBar used={use.used ?? 0} label={`${name}: part of the limit that is used`} />
      <p className="muted" title={longLimit(use)}>
        {percent}&nbsp;% of the limit of {shortLimit(use)}
      </p>
    </>
  );
}
