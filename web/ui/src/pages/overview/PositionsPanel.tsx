// What is held, by strategy and symbol.
import { useMemo } from "react";
import type { Position } from "@/api/types";
import { compareDecimals, formatDecimal } from "@/format/decimal";
import type { Portfolio } from "@/live/apply";
import { usePricePlaces } from "@/queries/market";
import { usePortfolio } from "@/queries/portfolio";
import { type Column, DataTable } from "@/widgets/DataTable";
import { ProfitLoss } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";
import { SymbolCell } from "@/widgets/SymbolCell";
import { compareText } from "@/widgets/sorting";

const hasNoPositions = (portfolio: Portfolio) => (portfolio.positions ?? []).length === 0;

function columnsWith(places: ReturnType<typeof usePricePlaces>): Column<Position>[] {
  const price = (text: string | null | undefined, symbol: string | null | undefined) =>
    formatDecimal(text, { places: places(symbol) });
  return [
    {
      id: "symbol",
      header: "Symbol",
      cell: (row) => <SymbolCell symbol={row.symbol} detail={row.strategy_id} />,
      compare: (left, right) => compareText(left.symbol, right.symbol),
    },
    {
      id: "qty",
      header: "Quantity",
      numeric: true,
      cell: (row) => formatDecimal(row.qty, { placesMax: 8 }),
      compare: (left, right) => compareDecimals(left.qty, right.qty),
    },
    {
      id: "entry",
      header: "Average price",
      numeric: true,
      from: "tablet",
      cell: (row) => price(row.avg_entry_price, row.symbol),
    },
    {
      id: "price",
      header: "Price",
      numeric: true,
      from: "phone",
      cell: (row) => (
        <>
          {price(row.current_price, row.symbol)}
          {row.stale && <span className="muted"> old</span>}
        </>
      ),
    },
    {
      id: "value",
      header: "Value",
      numeric: true,
      from: "phone",
      cell: (row) => formatDecimal(row.market_value, { places: 2 }),
      compare: (left, right) => compareDecimals(left.market_value, right.market_value),
    },
    {
      id: "pnl",
      header: "Open P&L",
      numeric: true,
      cell: (row) => <ProfitLoss value={row.unrealized_pnl} />,
      compare: (left, right) => compareDecimals(left.unrealized_pnl, right.unrealized_pnl),
    },
  ];
}

const keyOf = (row: Position) => `${row.account}/${row.strategy_id}/${row.symbol}`;

export function PositionsPanel({ className }: { className?: string | undefined }) {
  const portfolio = usePortfolio();
  const places = usePricePlaces();
  const columns = useMemo(() => columnsWith(places), [places]);
  return (
    <Panel
      title="Open positions"
      resource={portfolio}
      isEmpty={hasNoPositions}
      empty={{ text: "No open positions.", next: "A started strategy opens them by its signals." }}
      rows={4}
      className={className}
      flush
    >
      {({ positions }) => (
        <DataTable
          caption="Open positions by symbol and strategy"
          columns={columns}
          rows={positions ?? []}
          rowKey={keyOf}
        />
      )}
    </Panel>
  );
}
