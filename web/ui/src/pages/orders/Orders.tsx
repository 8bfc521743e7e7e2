// Where is my order? Working orders, all orders page by page, fills. What is shown is in the
// address, so that it can be kept as a bookmark.
import { useMemo, useState } from "react";
import { useLocation, useSearch } from "wouter";
import type { Order } from "@/api/types";
import { useChannel } from "@/live/client";
import { usePricePlaces } from "@/queries/market";
import { isWorking, type OrderFilter, type OrderPage, useOrders } from "@/queries/orders";
import { Button } from "@/widgets/Button";
import { type Column, DataTable } from "@/widgets/DataTable";
import { Panel } from "@/widgets/Panel";
import { Segments } from "@/widgets/Segments";
import { CancelButton } from "./CancelButton";
import { FillsPanel } from "./FillsPanel";
import { OrderDetails } from "./OrderDetails";
import styles from "./Orders.module.css";
import { orderKey } from "./OrdersPanel";
import { orderColumns } from "./order_columns";

const VIEWS = ["working", "closed", "all", "fills"] as const;
type View = (typeof VIEWS)[number];
const WORDS: Record<View, string> = {
  working: "Working",
  closed: "Closed",
  all: "All",
  fills: "Fills",
};
const FILTERS: Record<Exclude<View, "fills">, OrderFilter> = {
  working: "open",
  closed: "closed",
  all: "all",
};
const EMPTY: Record<Exclude<View, "fills">, string> = {
  working: "No working orders.",
  closed: "No closed orders.",
  all: "No orders yet.",
};
const PAGE_SIZE = 50;
const FILLS_SHOWN = 100;

function viewOf(search: string): View {
  const asked = new URLSearchParams(search).get("view");
  return VIEWS.find((view) => view === asked) ?? "working";
}

export default function Orders() {
  useChannel("orders");
  const view = viewOf(useSearch());
  const [, navigate] = useLocation();
  return (
    <div className={styles.page}>
      <div className={styles.toolbar}>
        <h1>Orders</h1>
        <Segments
          label="Which orders"
          options={VIEWS}
          words={WORDS}
          value={view}
          onChange={(next) => navigate(`/orders?view=${next}`, { replace: true })}
        />
      </div>
      {view === "fills" ? (
        <FillsPanel fillsMax={FILLS_SHOWN} />
      ) : (
        <OrderList key={view} view={view} />
      )}
    </div>
  );
}

const hasNoOrders = (page: OrderPage) => page.orders.length === 0;

function OrderList({ view }: { view: Exclude<View, "fills"> }) {
  // Tokens of the pages before this one; the last is the present page's.
  const [tokens, setTokens] = useState<readonly string[]>([""]);
  const [openId, setOpenId] = useState("");
  const orders = useOrders(FILTERS[view], PAGE_SIZE, tokens.at(-1));
  const columns = useOrderColumns(setOpenId);
  return (
    <Panel
      title={`${WORDS[view]} orders`}
      resource={orders}
      isEmpty={hasNoOrders}
      empty={{
        text: EMPTY[view],
        next: view === "working" ? "Orders that were filled or refused are under Closed." : "",
      }}
      rows={10}
      flush
    >
      {(page) => (
        <>
          <DataTable
            caption={`${WORDS[view]} orders, newest first`}
            columns={columns}
            rows={page.orders}
            rowKey={orderKey}
          />
          <Pager tokens={tokens} nextToken={page.nextPageToken} onChange={setTokens} />
          <OrderDetails orderId={openId} orders={page.orders} onClose={() => setOpenId("")} />
        </>
      )}
    </Panel>
  );
}

function useOrderColumns(open: (id: string) => void): Column<Order>[] {
  const places = usePricePlaces();
  return useMemo(() => {
    const cancel: Column<Order> = {
      id: "cancel",
      header: "",
      numeric: true,
      from: "phone",
      cell: (order) => isWorking(order) && <CancelButton order={order} />,
    };
    return [...orderColumns(places, (order) => open(order.id ?? ""), false), cancel];
  }, [places, open]);
}

interface PagerProps {
  tokens: readonly string[];
  nextToken: string;
  onChange: (tokens: readonly string[]) => void;
}

function Pager({ tokens, nextToken, onChange }: PagerProps) {
  if (tokens.length === 1 && !nextToken) return null;
  return (
    <div className={styles.pager}>
      <Button
        offBecause={tokens.length === 1 ? "These are the newest" : undefined}
        onClick={() => onChange(tokens.slice(0, -1))}
      >
        Newer
      </Button>
      <Button
        offBecause={nextToken ? undefined : "These are the oldest"}
        onClick={() => onChange([...tokens, nextToken])}
      >
        Older
      </Button>
    </div>
  );
}
