// The newest orders on the overview. A row opens the order's whole life.
import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Order } from "@/api/types";
import { usePricePlaces } from "@/queries/market";
import { type OrderPage, useOrders } from "@/queries/orders";
import { DataTable } from "@/widgets/DataTable";
import { Panel } from "@/widgets/Panel";
import { OrderDetails } from "./OrderDetails";
import { orderColumns } from "./order_columns";

const hasNoOrders = (page: OrderPage) => page.orders.length === 0;
export const orderKey = (order: Order) => order.id ?? "";

interface OrdersPanelProps {
  ordersMax: number;
  className?: string | undefined;
}

export function OrdersPanel({ ordersMax, className }: OrdersPanelProps) {
  const orders = useOrders("all", ordersMax);
  const places = usePricePlaces();
  const [openId, setOpenId] = useState("");
  const columns = useMemo(
    () => orderColumns(places, (order) => setOpenId(order.id ?? ""), true),
    [places],
  );
  return (
    <Panel
      title="Recent orders"
      resource={orders}
      isEmpty={hasNoOrders}
      empty={{
        text: "No orders yet.",
        next: "Orders appear when a running strategy gives a signal.",
      }}
      rows={6}
      className={className}
      flush
      actions={<Link href="/orders">All orders</Link>}
    >
      {(page) => (
        <>
          <DataTable
            caption="Newest orders first"
            columns={columns}
            rows={page.orders}
            rowKey={orderKey}
          />
          <OrderDetails orderId={openId} orders={page.orders} onClose={() => setOpenId("")} />
        </>
      )}
    </Panel>
  );
}
