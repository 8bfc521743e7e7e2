// Canceling a working order.
import type { Order } from "@/api/types";
import { useCommandBarrier } from "@/app/session";
import { useCancelOrder } from "@/queries/commands";
import { Button } from "@/widgets/Button";
import { orderLabel } from "./order_columns";

/** Canceling one order lowers risk: one click, and the status says what became of it. */
export function CancelButton({ order }: { order: Order }) {
  const cancel = useCancelOrder();
  const barrier = useCommandBarrier("trader");
  const asked = cancel.pending || order.status === "pending_cancel";
  return (
    <Button
      icon="close"
      offBecause={asked ? "The cancel is under way" : barrier}
      onClick={() => cancel.run({ id: order.id ?? "", label: orderLabel(order) })}
    >
      {asked ? "Canceling…" : "Cancel"}
      <span className="visually-hidden"> {orderLabel(order)}</span>
    </Button>
  );
}
