// The drawer of an order, fetched when the first one is opened.
import { lazy, Suspense } from "react";
import type { Order } from "@/api/types";

const OrderDrawer = lazy(() => import("./OrderDrawer"));

interface OrderDetailsProps {
  /** The order that is open; empty for none. */
  orderId: string;
  orders: readonly Order[];
  onClose: () => void;
}

export function OrderDetails({ orderId, orders, onClose }: OrderDetailsProps) {
  if (!orderId) return null;
  const known = orders.find((order) => order.id === orderId);
  return (
    <Suspense fallback={null}>
      <OrderDrawer orderId={orderId} known={known} onClose={onClose} />
    </Suspense>
  );
}
