// Am I all right? Money against its limits, the curve, what is held, what runs, what just happened.
import { useChannel } from "@/live/client";
import { FillsPanel } from "@/pages/orders/FillsPanel";
import { OrdersPanel } from "@/pages/orders/OrdersPanel";
import { StrategiesPanel } from "@/pages/strategies/StrategiesPanel";
import { EquityPanel } from "./EquityPanel";
import { HealthStrip } from "./HealthStrip";
import { KeyFigures } from "./KeyFigures";
import styles from "./Overview.module.css";
import { PositionsPanel } from "./PositionsPanel";
import { QuoteStrip } from "./QuoteStrip";

const ORDERS_SHOWN = 10;
const FILLS_SHOWN = 10;

export default function Overview() {
  useChannel("portfolio");
  useChannel("orders");
  useChannel("market_data");
  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">Overview</h1>
      <QuoteStrip />
      <KeyFigures className={styles.figures} />
      <div className={styles.main}>
        <EquityPanel className={styles.curve} />
        <PositionsPanel className={styles.middle} />
        <OrdersPanel className={styles.late} ordersMax={ORDERS_SHOWN} />
      </div>
      <div className={styles.side}>
        <StrategiesPanel className={styles.early} compact />
        <FillsPanel className={styles.late} fillsMax={FILLS_SHOWN} compact />
      </div>
      <HealthStrip className={styles.late} />
    </div>
  );
}
