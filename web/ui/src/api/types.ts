// The messages of the API that the dashboard reads. Their fields come from the contract by way of
// schema.d.ts; here they only get short names. A page may be older or newer than the server that
// answers it, so every field may be missing and the formatters take undefined.
import type { components } from "./schema";

type Schemas = components["schemas"];

/** A message as it arrives: any field may be absent or null. */
type Wire<T> = { [K in keyof T]?: T[K] | null };

export type CheckResult = Wire<Schemas["CheckResult"]>;
export type CircuitBreaker = Wire<Schemas["CircuitBreaker"]>;
export type ComponentHealth = Wire<Schemas["ComponentHealth"]>;
export type EquityPoint = Wire<Schemas["EquityPoint"]>;
export type Fill = Wire<Schemas["Fill"]>;
export type Health = Wire<Schemas["GetHealthResponse"]>;
export type Instrument = Wire<Schemas["Instrument"]>;
export type LimitUse = Wire<Schemas["LimitUse"]>;
export type Order = Wire<Schemas["Order"]>;
export type OrderEvent = Wire<Schemas["OrderEvent"]>;
export type OrderStatus = Schemas["OrderStatus"];
export type Position = Wire<Schemas["Position"]>;
export type Quote = Wire<Schemas["Quote"]>;
export type RiskState = Wire<Schemas["RiskState"]>;
export type SignalRecord = Wire<Schemas["SignalRecord"]>;
export type Strategy = Wire<Schemas["Strategy"]>;
export type ParameterSpec = Wire<Schemas["ParameterSpec"]>;
export type StrategyType = Wire<Schemas["StrategyType"]>;
export type Summary = Wire<Schemas["Summary"]>;
export type SystemEvent = Wire<Schemas["SystemEvent"]>;
export type SystemStatus = Wire<Schemas["GetStatusResponse"]>;
export type User = Wire<Schemas["User"]>;
