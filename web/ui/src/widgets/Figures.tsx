// Figures in running text and tables. Money has a sign and an arrow as well as a colour.
import { formatDecimal, NOTHING, signOf } from "@/format/decimal";
import { formatInstant, formatRecent } from "@/format/time";
import { usePreferences } from "@/preferences/preferences";
import styles from "./Figures.module.css";

type Text = string | null | undefined;

const MONEY_PLACES = 2;

/** A profit or loss: sign, arrow and colour say the same. */
export function ProfitLoss({ value, places = MONEY_PLACES }: { value: Text; places?: number }) {
  const sign = signOf(value);
  const tone = sign > 0 ? "gain" : sign < 0 ? "loss" : "muted";
  return (
    <span className={tone}>
      {sign !== 0 && <Arrow up={sign > 0} />}
      {formatDecimal(value, { places, signed: true })}
    </span>
  );
}

/** A small triangle, drawn rather than typed: fonts differ. */
export function Arrow({ up }: { up: boolean }) {
  return (
    <svg className={styles.arrow} width="8" height="7" viewBox="0 0 8 7" aria-hidden="true">
      <path d={up ? "M4 0l4 7H0z" : "M4 7 0 0h8z"} fill="currentColor" />
    </svg>
  );
}

/** The time of an event: today without its day; the exact instant when pointed at. */
export function When({ time }: { time: Text }) {
  const { zone } = usePreferences();
  const text = formatRecent(time, zone, Date.now());
  if (text === NOTHING) return <span className="muted">{NOTHING}</span>;
  return (
    <time dateTime={time ?? ""} title={formatInstant(time, zone)} className="nowrap">
      {text}
    </time>
  );
}

/** How much of a limit is used; the words carry the meaning, the bar shows it at a glance. */
export function LimitBar({ used, label }: { used: number; label: string }) {
  const percent = Math.round(Math.max(0, used) * 100);
  const level = used >= 1 ? styles.over : used >= 0.8 ? styles.near : styles.within;
  return (
    // biome-ignore lint/a11y/useSemanticElements: the native meter cannot be given our colours
    <div
      className={styles.track}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.min(100, percent)}
      aria-valuetext={`${percent} percent used`}
    >
      <div className={level} style={{ width: `${Math.min(100, percent)}%` }} />
    </div>
  );
}
