// What runs. Stopping lowers risk and is one click; starting adds risk and is asked about.
import { type ReactNode, useMemo, useState } from "react";
import { Link } from "wouter";
import type { Strategy } from "@/api/types";
import { useCommandBarrier } from "@/app/session";
import { NOTHING } from "@/format/decimal";
import { useStartStrategy, useStopStrategy } from "@/queries/commands";
import { useStrategies } from "@/queries/strategies";
import { StrategyStateBadge } from "@/widgets/Badge";
import { Button } from "@/widgets/Button";
import { type Column, DataTable } from "@/widgets/DataTable";
import { When } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";
import { compareCounts, compareText } from "@/widgets/sorting";
import { StartDialog } from "./StartDialog";
import styles from "./Strategies.module.css";

const ACTIVE = new Set(["running", "warming_up", "paused"]);
const hasNone = (strategies: Strategy[]) => strategies.length === 0;
const keyOf = (strategy: Strategy) => strategy.id ?? "";

function columnsOf(compact: boolean, ask: (strategy: Strategy) => void): Column<Strategy>[] {
  const columns: Column<Strategy>[] = [
    {
      id: "id",
      header: "Strategy",
      wrap: true,
      cell: (row) => <Name strategy={row} />,
      compare: (left, right) => compareText(left.id, right.id),
    },
    {
      id: "state",
      header: "State",
      cell: (row) => <StrategyStateBadge state={row.state} />,
      compare: (left, right) => compareText(left.state, right.state),
    },
    { id: "timeframe", header: "Bars", from: "tablet", cell: (row) => row.timeframe || NOTHING },
    {
      id: "parameters",
      header: "Parameters",
      from: "laptop",
      clip: true,
      cell: (row) => parametersOf(row),
    },
    {
      id: "signals",
      header: "Signals",
      numeric: true,
      from: "phone",
      cell: (row) => row.signal_count ?? 0,
      compare: (left, right) => compareCounts(left.signal_count, right.signal_count),
    },
    {
      id: "last",
      header: "Last signal",
      numeric: true,
      from: "tablet",
      cell: (row) => <When time={row.last_signal_at} />,
    },
    {
      id: "action",
      header: "",
      numeric: true,
      cell: (row) => <StartStop strategy={row} onStart={() => ask(row)} />,
    },
  ];
  const dropped = compact ? ["timeframe", "parameters", "signals", "last"] : [];
  return columns.filter((column) => !dropped.includes(column.id));
}

function parametersOf(strategy: Strategy): string {
  const pairs = Object.entries(strategy.parameters ?? {});
  return pairs.map(([name, value]) => `${name} ${value}`).join(", ") || NOTHING;
}

function Name({ strategy }: { strategy: Strategy }) {
  return (
    <span className={styles.name}>
      {strategy.id}
      <span className={styles.symbols}>{(strategy.symbols ?? []).join(", ")}</span>
      {strategy.last_error && <span className={styles.error}>{strategy.last_error}</span>}
    </span>
  );
}

interface StartStopProps {
  strategy: Strategy;
  onStart: () => void;
}

function StartStop({ strategy, onStart }: StartStopProps) {
  const stop = useStopStrategy();
  const barrier = useCommandBarrier("trader");
  const id = strategy.id ?? "";
  if (!ACTIVE.has(strategy.state ?? "")) {
    return (
      <Button icon="play" offBecause={barrier} onClick={onStart}>
        Start
        <span className="visually-hidden"> {id}</span>
      </Button>
    );
  }
  return (
    <Button
      icon="stop"
      offBecause={stop.pending ? "The stop is under way" : barrier}
      onClick={() => stop.run(id)}
    >
      {stop.pending ? "Stopping…" : "Stop"}
      <span className="visually-hidden"> {id}</span>
    </Button>
  );
}

interface StrategiesPanelProps {
  compact?: boolean;
  className?: string | undefined;
  actions?: ReactNode;
}

export function StrategiesPanel({ compact = false, className, actions }: StrategiesPanelProps) {
  const strategies = useStrategies();
  const start = useStartStrategy();
  const [asked, setAsked] = useState<Strategy | null>(null);
  const columns = useMemo(() => columnsOf(compact, setAsked), [compact]);
  return (
    <Panel
      title={compact ? "Strategies" : "All strategies"}
      resource={strategies}
      isEmpty={hasNone}
      empty={{
        text: "There are no strategies yet.",
        next: compact ? (
          <Link href="/strategies">Create the first one</Link>
        ) : (
          "Create the first one with New strategy."
        ),
      }}
      rows={4}
      className={className}
      flush
      actions={actions ?? <Link href="/strategies">All strategies</Link>}
    >
      {(rows) => (
        <>
          <DataTable caption="Strategies by name" columns={columns} rows={rows} rowKey={keyOf} />
          <StartDialog
            strategy={asked}
            pending={start.pending}
            onCancel={() => setAsked(null)}
            onConfirm={(id) => start.run(id, () => setAsked(null))}
          />
        </>
      )}
    </Panel>
  );
}
