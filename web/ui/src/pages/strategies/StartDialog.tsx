// The question before a strategy may trade: what it will do, with how much, in which mode.
import type { Strategy } from "@/api/types";
import { formatDecimal } from "@/format/decimal";
import { countOf } from "@/format/words";
import { usePortfolio } from "@/queries/portfolio";
import { useRiskState, useSystemStatus } from "@/queries/system";
import { ConfirmDialog } from "@/widgets/ConfirmDialog";

interface StartDialogProps {
  /** The strategy asked about; null keeps the dialog closed. */
  strategy: Strategy | null;
  pending: boolean;
  onCancel: () => void;
  onConfirm: (id: string) => void;
}

export function StartDialog({ strategy, pending, onCancel, onConfirm }: StartDialogProps) {
  const id = strategy?.id ?? "";
  const symbols = strategy?.symbols ?? [];
  return (
    <ConfirmDialog
      open={strategy !== null}
      title={`Start ${id}?`}
      confirmLabel={`Start ${id} on ${symbols.join(", ")}`}
      pendingLabel="Starting…"
      pending={pending}
      focus="cancel"
      onCancel={onCancel}
      onConfirm={() => onConfirm(id)}
    >
      {strategy && <Consequences strategy={strategy} />}
    </ConfirmDialog>
  );
}

function Consequences({ strategy }: { strategy: Strategy }) {
  const { data: status } = useSystemStatus();
  const { data: portfolio } = usePortfolio();
  const { data: risk } = useRiskState();
  const summary = portfolio?.summary;
  const symbols = strategy.symbols ?? [];
  return (
    <ul>
      <li>
        It sees {strategy.timeframe} bars of {countOf(symbols.length, "symbol")} (
        {symbols.join(", ")}) and its signals become orders once risk has approved them.
      </li>
      <li>
        {status?.environment === "live"
          ? "This trades REAL money."
          : "This is paper trading: no real money moves."}
        {summary?.buying_power &&
          ` ${summary.currency ?? ""} ${formatDecimal(summary.buying_power, { places: 2 })} can be spent.`}
      </li>
      {risk?.mode === "halted" && <li>Trading is halted: its orders are refused until resumed.</li>}
      {strategy.last_error && <li>It last failed with: {strategy.last_error}</li>}
    </ul>
  );
}
