// How fresh the page is, in one word. A half-open connection looks like a quiet market, so the
// answer comes from the link's own clock, never from the absence of errors.
import { formatTime, type TimeZoneChoice, zoneName } from "@/format/time";
import { useLink } from "@/live/client";
import type { Link, LinkState } from "@/live/link";
import { usePreferences } from "@/preferences/preferences";
import { Badge, type Tone } from "@/widgets/Badge";
import styles from "./LinkPill.module.css";

const TONES: Record<LinkState, Tone> = {
  connecting: "busy",
  live: "good",
  stale: "warning",
  offline: "danger",
};

/** The pill's words, such as "Live · 38 ms" or "Stale · as of 14:03:22 UTC". */
export function linkWords(link: Link, zone: TimeZoneChoice): string {
  const asOf = link.lastMessageAt
    ? ` · as of ${formatTime(link.lastMessageAt, "time", zone)} ${zoneName(zone)}`
    : "";
  switch (link.state) {
    case "connecting":
      return "Connecting";
    case "live":
      return link.latencyMs === null ? "Live" : `Live · ${link.latencyMs} ms`;
    case "stale":
      return `Stale${asOf}`;
    case "offline":
      return `Offline${asOf}`;
  }
}

export function LinkPill() {
  const link = useLink();
  const { zone } = usePreferences();
  return (
    <span className={styles.pill} title="Connection to the trading system">
      <Badge tone={TONES[link.state]}>{linkWords(link, zone)}</Badge>
    </span>
  );
}
