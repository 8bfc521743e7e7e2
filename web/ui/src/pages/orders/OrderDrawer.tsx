// The whole life of one order: what was asked, what risk found, what the broker did.
import type { ReactNode } from "react";
import type { CheckResult, Order, OrderEvent } from "@/api/types";
import { formatDecimal, NOTHING } from "@/format/decimal";
import { formatInstant, zoneName } from "@/format/time";
import { sentence, sentenceCase } from "@/format/words";
import { usePreferences } from "@/preferences/preferences";
import { isWorking, useOrderEvents } from "@/queries/orders";
import { OrderStatusBadge } from "@/widgets/Badge";
import { Drawer } from "@/widgets/Drawer";
import { Panel } from "@/widgets/Panel";
import { CancelButton } from "./CancelButton";
import styles from "./Orders.module.css";
import { orderKind, orderLabel } from "./order_columns";

interface OrderDrawerProps {
  orderId: string;
  known: Order | undefined;
  onClose: () => void;
}

export default function OrderDrawer({ orderId, known, onClose }: OrderDrawerProps) {
  const events = useOrderEvents(orderId);
  const order = known ?? events.data?.findLast((event) => event.order)?.order ?? undefined;
  return (
    <Drawer title={order ? orderLabel(order) : "Order"} onClose={onClose}>
      {order && <Facts order={order} />}
      {order && isWorking(order) && <CancelButton order={order} />}
      <Panel
        title="What happened"
        resource={events}
        isEmpty={(list) => list.length === 0}
        empty={{ text: "Nothing has been recorded for this order." }}
        rows={4}
      >
        {(list) => (
          <ol className={styles.life}>
            {list.map((event) => (
              <LifeEvent key={event.sequence ?? event.id} event={event} />
            ))}
          </ol>
        )}
      </Panel>
    </Drawer>
  );
}

function Facts({ order }: { order: Order }) {
  const facts: [string, ReactNode][] = [
    ["Status", <OrderStatusBadge key="status" status={order.status} />],
    ["Kind", `${orderKind(order)}, ${(order.time_in_force ?? "").toUpperCase()}`],
    ["Quantity", formatDecimal(order.qty)],
    ["Filled", formatDecimal(order.filled_qty)],
    ["Average price", formatDecimal(order.filled_avg_price)],
    ["Limit", formatDecimal(order.limit_price)],
    ["Trigger", formatDecimal(order.stop_price)],
    ["Fees", formatDecimal(order.fees)],
    ["Strategy", order.strategy_id || NOTHING],
    ["Broker", order.broker || NOTHING],
    ["Reason", order.reject_reason ? sentence(order.reject_reason) : ""],
    ["Code", order.reject_code ? <code key="code">{order.reject_code}</code> : ""],
    ["Client order id", <code key="id">{order.client_order_id}</code>],
  ];
  return (
    <dl className={styles.facts}>
      {facts
        .filter(([, value]) => value !== "" && value !== NOTHING)
        .map(([name, value]) => (
          <div key={name} className={styles.fact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function LifeEvent({ event }: { event: OrderEvent }) {
  const { zone } = usePreferences();
  const { fill, decision } = event;
  return (
    <li>
      <p>
        <strong>{sentenceCase(event.type)}</strong>
        {fill?.qty && ` ${formatDecimal(fill.qty)} at ${formatDecimal(fill.price)}`}
      </p>
      <p className="muted">
        {formatInstant(event.time, zone)} {zoneName(zone)}
      </p>
      {event.order?.reject_reason && <p>{sentence(event.order.reject_reason)}</p>}
      {event.signal?.reason && <p className="muted">Signal: {event.signal.reason}</p>}
      {decision?.checks && decision.checks.length > 0 && (
        <details className={styles.checks}>
          <summary>Risk made {decision.checks.length} checks</summary>
          <ul>
            {decision.sizing && <li>Sizing: {decision.sizing}</li>}
            {decision.checks.map((check) => (
              <li key={check.check}>{checkWords(check)}</li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

/** "Daily loss: pass; -392.42 USD, limit 3 %". */
function checkWords(check: CheckResult): string {
  const verdict = sentenceCase(check.verdict).toLowerCase();
  const figures = [check.observed, check.limit && `limit ${check.limit}`].filter(Boolean);
  return [`${sentenceCase(check.check)}: ${verdict}`, figures.join(", ")]
    .filter(Boolean)
    .join("; ");
}
