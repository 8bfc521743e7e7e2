// States as a word with a dot: the colour only repeats what the word says.
import type { ComponentHealth, Order, Strategy } from "@/api/types";
import { sentenceCase } from "@/format/words";
import styles from "./Badge.module.css";

export type Tone = "neutral" | "good" | "busy" | "warning" | "danger";

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return <span className={`${styles.badge} ${styles[tone]}`}>{children}</span>;
}

const ORDER_TONES: Record<string, Tone> = {
  filled: "good",
  partially_filled: "busy",
  accepted: "busy",
  pending_new: "busy",
  pending_cancel: "warning",
  pending_replace: "warning",
  rejected: "danger",
  unknown: "danger",
};

export function OrderStatusBadge({ status }: { status: Order["status"] }) {
  return <Badge tone={ORDER_TONES[status ?? ""] ?? "neutral"}>{sentenceCase(status)}</Badge>;
}

const STRATEGY_TONES: Record<string, Tone> = {
  running: "good",
  warming_up: "busy",
  paused: "warning",
  failed: "danger",
};

export function StrategyStateBadge({ state }: { state: Strategy["state"] }) {
  return <Badge tone={STRATEGY_TONES[state ?? ""] ?? "neutral"}>{sentenceCase(state)}</Badge>;
}

const COMPONENT_TONES: Record<string, Tone> = {
  healthy: "good",
  starting: "busy",
  degraded: "warning",
  down: "danger",
};

export function ComponentStateBadge({ state }: { state: ComponentHealth["state"] }) {
  return <Badge tone={COMPONENT_TONES[state ?? ""] ?? "neutral"}>{sentenceCase(state)}</Badge>;
}
