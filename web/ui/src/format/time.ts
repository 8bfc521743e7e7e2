// Times for people. Every time on the page is in one zone, UTC unless chosen otherwise, and the
// zone is always named where a time could be mistaken.

export type TimeZoneChoice = "utc" | "local";

type Text = string | number | null | undefined;

const formatters = new Map<string, Intl.DateTimeFormat>();

const STYLES = {
  time: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  date: { year: "numeric", month: "2-digit", day: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit" },
  month: { year: "numeric", month: "short" },
  day: { month: "short", day: "2-digit" },
  short: { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit" },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>;

export type TimeStyle = keyof typeof STYLES;

function formatter(style: TimeStyle, zone: TimeZoneChoice): Intl.DateTimeFormat {
  const key = `${style}/${zone}`;
  let found = formatters.get(key);
  if (!found) {
    const zoned = zone === "utc" ? { timeZone: "UTC" } : {};
    const locale = style === "date" ? "sv-SE" : "en-GB";
    found = new Intl.DateTimeFormat(locale, { ...STYLES[style], ...zoned, hourCycle: "h23" });
    formatters.set(key, found);
  }
  return found;
}

/** Milliseconds since 1970 of an RFC 3339 text; null when it is none or the zero time. */
export function parseTime(value: Text): number | null {
  if (value === null || value === undefined || value === "") return null;
  const ms = typeof value === "number" ? value : Date.parse(value);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

/** A time in the chosen zone: `time` 14:03:22, `date` 2026-03-05, `short` 05 Mar, 14:03, … */
export function formatTime(value: Text, style: TimeStyle, zone: TimeZoneChoice): string {
  const ms = parseTime(value);
  return ms === null ? "\u2013" : formatter(style, zone).format(ms);
}

/** Date and time to the millisecond, for tables of events. */
export function formatInstant(value: Text, zone: TimeZoneChoice): string {
  const ms = parseTime(value);
  if (ms === null) return "\u2013";
  const fraction = String(Math.floor(ms) % 1000).padStart(3, "0");
  return `${formatTime(ms, "date", zone)} ${formatTime(ms, "time", zone)}.${fraction}`;
}

/** Today's times without, older ones with their day. */
export function formatRecent(value: Text, zone: TimeZoneChoice, nowMs: number): string {
  const ms = parseTime(value);
  if (ms === null) return "\u2013";
  const today = formatTime(ms, "date", zone) === formatTime(nowMs, "date", zone);
  return formatTime(ms, today ? "time" : "short", zone);
}

/** The zone's name as shown beside times, such as UTC or GMT+2. */
export function zoneName(zone: TimeZoneChoice): string {
  if (zone === "utc") return "UTC";
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts();
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "local";
}

/** A length of time in its two largest units: 45 s, 12 min, 3 h 20 min, 5 d 2 h. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
