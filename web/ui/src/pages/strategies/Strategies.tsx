// What runs, and what became of its signals.
import { useState } from "react";
import type { SignalRecord } from "@/api/types";
import { useCommandBarrier } from "@/app/session";
import { NOTHING } from "@/format/decimal";
import { sentence, sentenceCase } from "@/format/words";
import { useChannel } from "@/live/client";
import { useSignals } from "@/queries/strategies";
import { Badge, type Tone } from "@/widgets/Badge";
import { Button } from "@/widgets/Button";
import { type Column, DataTable } from "@/widgets/DataTable";
import { When } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";
import { SymbolCell } from "@/widgets/SymbolCell";
import { compareText } from "@/widgets/sorting";
import { NewStrategyDrawer } from "./NewStrategy";
import styles from "./Strategies.module.css";
import { StrategiesPanel } from "./StrategiesPanel";

const SIGNALS_SHOWN = 50;

const OUTCOME_TONES: Record<string, Tone> = {
  pending: "busy",
  ordered: "good",
  refused: "warning",
  failed: "danger",
};

export default function Strategies() {
  useChannel("signals");
  useChannel("portfolio");
  const [creating, setCreating] = useState(false);
  const barrier = useCommandBarrier("trader");
  return (
    <div className={styles.page}>
      <h1>Strategies</h1>
      <StrategiesPanel
        actions={
          <Button offBecause={barrier} onClick={() => setCreating(true)}>
            New strategy
          </Button>
        }
      />
      <SignalsPanel />
      {creating && <NewStrategyDrawer onClose={() => setCreating(false)} />}
    </div>
  );
}

const COLUMNS: Column<SignalRecord>[] = [
  {
    id: "symbol",
    header: "Signal",
    cell: (row) => (
      <SymbolCell symbol={row.signal?.symbol} detail={sentenceCase(row.signal?.side)} />
    ),
    compare: (left, right) => compareText(left.signal?.symbol, right.signal?.symbol),
  },
  {
    id: "strategy",
    header: "Strategy",
    from: "tablet",
    cell: (row) => row.signal?.strategy_id || NOTHING,
    compare: (left, right) => compareText(left.signal?.strategy_id, right.signal?.strategy_id),
  },
  {
    id: "why",
    header: "Why",
    from: "tablet",
    clip: true,
    cell: (row) => <span title={row.signal?.reason ?? ""}>{sentence(row.signal?.reason)}</span>,
  },
  {
    id: "outcome",
    header: "Outcome",
    cell: (row) => (
      <Badge tone={OUTCOME_TONES[row.outcome ?? ""] ?? "neutral"}>
        {sentenceCase(row.outcome)}
      </Badge>
    ),
    compare: (left, right) => compareText(left.outcome, right.outcome),
  },
  {
    id: "reason",
    header: "Refused because",
    from: "laptop",
    clip: true,
    cell: (row) => (
      <span title={row.reject_reason ?? ""}>{sentence(row.reject_reason || row.reject_code)}</span>
    ),
  },
  {
    id: "time",
    header: "Time",
    numeric: true,
    cell: (row) => <When time={row.signal?.created_at} />,
  },
];

const hasNone = (records: SignalRecord[]) => records.length === 0;
const keyOf = (record: SignalRecord) => record.signal?.id ?? "";

function SignalsPanel() {
  const signals = useSignals(SIGNALS_SHOWN);
  return (
    <Panel
      title="Signals"
      resource={signals}
      isEmpty={hasNone}
      empty={{ text: "No signals yet.", next: "A running strategy gives them as bars arrive." }}
      rows={8}
      flush
    >
      {(rows) => (
        <DataTable caption="Newest signals first" columns={COLUMNS} rows={rows} rowKey={keyOf} />
      )}
    </Panel>
  );
}
