// The columns of orders and fills, shared by the overview and the orders page.
import type { Fill, Order } from "@/api/types";
import { compareDecimals, formatDecimal, NOTHING } from "@/format/decimal";
import { parseTime } from "@/format/time";
import { sentence, sentenceCase } from "@/format/words";
import { OrderStatusBadge } from "@/widgets/Badge";
import type { Column } from "@/widgets/DataTable";
import { When } from "@/widgets/Figures";
import { SymbolCell } from "@/widgets/SymbolCell";
import { compareText } from "@/widgets/sorting";
import styles from "./Orders.module.css";

export type PricePlaces = (symbol: string | null | undefined) => number;

/** "Buy limit", the direction and kind of an order in words. */
export function orderKind(order: Order): string {
  return `${sentenceCase(order.side)} ${(order.type ?? "").replaceAll("_", " ")}`.trim();
}

/** "Buy 100 ACME", for messages and labels. */
export function orderLabel(order: Order): string {
  return `${sentenceCase(order.side)} ${formatDecimal(order.qty)} ${order.symbol ?? ""}`;
}

/** The price an order asks for: its limit, else its trigger; a market order has none. */
function askedPrice(order: Order, places: number): string {
  const text = order.limit_price || order.stop_price;
  return text ? formatDecimal(text, { places }) : "Market";
}

const byTime = (left: string | null | undefined, right: string | null | undefined) =>
  (parseTime(left) ?? 0) - (parseTime(right) ?? 0);

export function orderColumns(
  places: PricePlaces,
  open: (order: Order) => void,
  compact: boolean,
): Column<Order>[] {
  const columns: Column<Order>[] = [
    {
      id: "symbol",
      header: "Order",
      cell: (order) => (
        <button type="button" className={styles.open} onClick={() => open(order)}>
          <SymbolCell symbol={order.symbol} detail={orderKind(order)} />
        </button>
      ),
      compare: (left, right) => compareText(left.symbol, right.symbol),
    },
    {
      id: "qty",
      header: "Filled / quantity",
      numeric: true,
      cell: (order) => (
        <>
          <span className="muted">{formatDecimal(order.filled_qty, { placesMax: 8 })} / </span>
          {formatDecimal(order.qty, { placesMax: 8 })}
        </>
      ),
      compare: (left, right) => compareDecimals(left.qty, right.qty),
    },
    {
      id: "price",
      header: "Asked",
      numeric: true,
      from: "tablet",
      cell: (order) => askedPrice(order, places(order.symbol)),
    },
    {
      id: "average",
      header: "Average fill",
      numeric: true,
      from: "tablet",
      cell: (order) => formatDecimal(order.filled_avg_price, { places: places(order.symbol) }),
    },
    {
      id: "status",
      header: "Status",
      cell: (order) => <OrderStatusBadge status={order.status} />,
      compare: (left, right) => compareText(left.status, right.status),
    },
    {
      id: "reason",
      header: "Reason",
      from: "tablet",
      clip: true,
      cell: (order) => <RejectReason order={order} />,
    },
    {
      id: "strategy",
      header: "Strategy",
      from: "laptop",
      cell: (order) => order.strategy_id || NOTHING,
      compare: (left, right) => compareText(left.strategy_id, right.strategy_id),
    },
    {
      id: "created",
      header: "Time",
      numeric: true,
      from: "phone",
      cell: (order) => <When time={order.created_at} />,
      compare: (left, right) => byTime(left.created_at, right.created_at),
    },
  ];
  return compact ? columns.filter((column) => column.id !== "strategy") : columns;
}

export function RejectReason({ order }: { order: Order }) {
  const text = sentence(order.reject_reason || order.reject_code);
  return text === NOTHING ? (
    <span className="muted">{NOTHING}</span>
  ) : (
    <span title={text}>{text}</span>
  );
}

export function fillColumns(places: PricePlaces, compact: boolean): Column<Fill>[] {
  const columns: Column<Fill>[] = [
    {
      id: "symbol",
      header: "Fill",
      cell: (fill) => <SymbolCell symbol={fill.symbol} detail={sentenceCase(fill.side)} />,
      compare: (left, right) => compareText(left.symbol, right.symbol),
    },
    {
      id: "qty",
      header: "Quantity",
      numeric: true,
      cell: (fill) => formatDecimal(fill.qty, { placesMax: 8 }),
      compare: (left, right) => compareDecimals(left.qty, right.qty),
    },
    {
      id: "price",
      header: "Price",
      numeric: true,
      cell: (fill) => (
        <>
          {formatDecimal(fill.price, { places: places(fill.symbol) })}
          {fill.inferred && <span className="muted"> inferred</span>}
        </>
      ),
      compare: (left, right) => compareDecimals(left.price, right.price),
    },
    {
      id: "fee",
      header: "Fee",
      numeric: true,
      from: "tablet",
      cell: (fill) => formatDecimal(fill.fee, { places: 2 }),
    },
    {
      id: "strategy",
      header: "Strategy",
      from: "laptop",
      cell: (fill) => fill.strategy_id || NOTHING,
      compare: (left, right) => compareText(left.strategy_id, right.strategy_id),
    },
    {
      id: "time",
      header: "Time",
      numeric: true,
      cell: (fill) => <When time={fill.time} />,
      compare: (left, right) => byTime(left.time, right.time),
    },
  ];
  const dropped = compact ? new Set(["fee", "strategy"]) : new Set<string>();
  return columns.filter((column) => !dropped.has(column.id));
}
