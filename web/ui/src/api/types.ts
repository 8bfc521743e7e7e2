// The shapes of the API that the dashboard reads, as they travel: snake_case names, decimals as
// strings, times as RFC 3339 text. Every field may be missing, so the formatters take undefined.

/** A message as it arrives: any field may be absent or null. */
type Wire<T> = { [K in keyof T]?: T[K] | null };

export type Side = "unspecified" | "buy" | "sell";

export type OrderStatus =
  | "pending_new"
  | "accepted"
  | "partially_filled"
  | "filled"
  | "pending_cancel"
  | "canceled"
  | "pending_replace"
  | "replaced"
  | "expired"
  | "rejected"
  | "unknown";

export type Money = Wire<{ currency: string; amount: string }>;

export type Summary = Wire<{
  account: string;
  currency: string;
  equity: string;
  cash: string;
  buying_power: string;
  day_start_equity: string;
  day_pnl: string;
  realized_pnl: string;
  unrealized_pnl: string;
  fees: string;
  exposure_share: string;
  drawdown_share: string;
  open_positions: number;
  time: string;
}>;

export type Position = Wire<{
  account: string;
  strategy_id: string;
  symbol: string;
  qty: string;
  avg_entry_price: string;
  current_price: string;
  market_value: string;
  unrealized_pnl: string;
  currency: string;
  updated_at: string;
  stale: boolean;
}>;

export type EquityPoint = Wire<{ time: string; equity: string; drawdown_share: string }>;

export type Order = Wire<{
  id: string;
  client_order_id: string;
  account: string;
  strategy_id: string;
  symbol: string;
  side: Side;
  type: string;
  time_in_force: string;
  qty: string;
  filled_qty: string;
  filled_avg_price: string;
  limit_price: string;
  stop_price: string;
  status: OrderStatus;
  broker: string;
  reject_code: string;
  reject_reason: string;
  created_at: string;
  submitted_at: string;
  filled_at: string;
  canceled_at: string;
  updated_at: string;
  fees: string;
}>;

export type Fill = Wire<{
  account: string;
  execution_id: string;
  order_id: string;
  strategy_id: string;
  symbol: string;
  side: Side;
  qty: string;
  price: string;
  fee: string;
  currency: string;
  time: string;
  inferred: boolean;
}>;

export type CheckResult = Wire<{
  check: string;
  verdict: string;
  code: string;
  limit: string;
  observed: string;
  message: string;
}>;

export type Decision = Wire<{
  id: string;
  approved: boolean;
  reject_code: string;
  reject_reason: string;
  checks: CheckResult[];
  sizing: string;
}>;

export type OrderEvent = Wire<{
  sequence: number;
  id: string;
  type: string;
  order: Order;
  fill: Fill;
  decision: Decision;
  signal: Signal;
  time: string;
}>;

export type Quote = Wire<{
  symbol: string;
  time: string;
  bid_price: string;
  bid_size: string;
  ask_price: string;
  ask_size: string;
  last_price: string;
  stale: boolean;
}>;

export type Instrument = Wire<{
  symbol: string;
  name: string;
  tick_size: string;
  lot_size: string;
  currency: string;
}>;

export type Signal = Wire<{
  id: string;
  strategy_id: string;
  symbol: string;
  side: Side;
  strength: number;
  confidence: number;
  reason: string;
  created_at: string;
}>;

export type SignalRecord = Wire<{
  signal: Signal;
  outcome: string;
  order_id: string;
  reject_code: string;
  reject_reason: string;
  sequence: number;
}>;

export type StrategyState = "stopped" | "warming_up" | "running" | "paused" | "failed";

export type Strategy = Wire<{
  id: string;
  type: string;
  symbols: string[];
  timeframe: string;
  parameters: Record<string, string>;
  state: StrategyState;
  enabled: boolean;
  signal_count: number;
  last_signal_at: string;
  last_event_at: string;
  last_error: string;
  restarts: number;
}>;

export type LimitUse = Wire<{
  check: string;
  subject: string;
  limit: string;
  observed: string;
  used: number;
}>;

export type Protection = Wire<{ name: string; reason: string; until: string }>;

export type TradingMode = "active" | "reducing" | "halted";

export type RiskState = Wire<{
  mode: TradingMode;
  reason: string;
  changed_by: string;
  changed_at: string;
  equity: Money;
  day_pnl: Money;
  exposure: Money;
  limit_uses: LimitUse[];
  protections: Protection[];
  blocks: string[];
}>;

export type ComponentHealth = Wire<{
  name: string;
  state: "healthy" | "degraded" | "starting" | "down";
  detail: string;
  latency_ms: number;
  version: string;
  started_at: string;
  restarts: number;
  memory_bytes: number;
}>;

export type Health = Wire<{ state: string; components: ComponentHealth[]; time: string }>;

export type SystemStatus = Wire<{
  version: string;
  started_at: string;
  environment: "paper" | "live";
  memory_bytes: number;
  database_bytes: number;
  host: string;
  warnings: string[];
}>;

export type CircuitBreaker = Wire<{
  name: string;
  service: string;
  state: string;
  failures: number;
  retry_at: string;
}>;

export type SystemEvent = Wire<{
  sequence: number;
  id: string;
  time: string;
  service: string;
  level: "info" | "warning" | "error" | "critical";
  type: string;
  message: string;
  correlation_id: string;
}>;

export type User = Wire<{
  id: string;
  username: string;
  role: "viewer" | "trader" | "admin";
}>;
