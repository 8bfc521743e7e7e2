// The newest fills.
import { useMemo } from "react";
import type { Fill } from "@/api/types";
import { usePricePlaces } from "@/queries/market";
import { useFills } from "@/queries/orders";
import { DataTable } from "@/widgets/DataTable";
import { Panel } from "@/widgets/Panel";
import { fillColumns } from "./order_columns";

const hasNoFills = (fills: Fill[]) => fills.length === 0;
const fillKey = (fill: Fill) => `${fill.account}/${fill.execution_id}`;

interface FillsPanelProps {
  fillsMax: number;
  /** Leaves out fee and strategy. */
  compact?: boolean;
  className?: string | undefined;
}

export function FillsPanel({ fillsMax, compact = false, className }: FillsPanelProps) {
  const fills = useFills(fillsMax);
  const places = usePricePlaces();
  const columns = useMemo(() => fillColumns(places, compact), [places, compact]);
  return (
    <Panel
      title="Last fills"
      resource={fills}
      isEmpty={hasNoFills}
      empty={{ text: "No fills yet.", next: "An order is filled when the market meets it." }}
      rows={6}
      className={className}
      flush
    >
      {(rows) => (
        <DataTable caption="Newest fills first" columns={columns} rows={rows} rowKey={fillKey} />
      )}
    </Panel>
  );
}
