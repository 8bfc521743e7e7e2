// Decimal strings for people. Money never becomes a binary number on its way to the screen: the
// digits of the wire are rounded and grouped as text.

/** A decimal as whole units of 10^-scale, such as 12.50 = {units: 1250n, scale: 2}. */
export interface Decimal {
  units: bigint;
  scale: number;
}

const PLAIN = /^([+-]?)(\d+)(?:\.(\d*))?$/;
const MINUS = "\u2212";
export const NOTHING = "\u2013";

type Text = string | null | undefined;

/** Reads a plain decimal string; null for anything else. */
export function parseDecimal(text: Text): Decimal | null {
  const match = PLAIN.exec((text ?? "").trim());
  if (!match) return null;
  const [, sign, whole = "", fraction = ""] = match;
  const units = BigInt(whole + fraction);
  return { units: sign === "-" ? -units : units, scale: fraction.length };
}

/** Changes the number of decimal places, rounding half away from zero. */
export function rescale(value: Decimal, scale: number): Decimal {
  if (scale >= value.scale) {
    return { units: value.units * 10n ** BigInt(scale - value.scale), scale };
  }
  const divisor = 10n ** BigInt(value.scale - scale);
  const negative = value.units < 0n;
  const magnitude = negative ? -value.units : value.units;
  const rounded = (magnitude + divisor / 2n) / divisor;
  return { units: negative ? -rounded : rounded, scale };
}

/** -1, 0 or 1; missing values sort before all others. */
export function compareDecimals(left: Text, right: Text): number {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  if (!a || !b) return Number(a !== null) - Number(b !== null);
  const scale = Math.max(a.scale, b.scale);
  const difference = rescale(a, scale).units - rescale(b, scale).units;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sign of a decimal: -1, 0 or 1; 0 when there is none. */
export function signOf(text: Text): -1 | 0 | 1 {
  const value = parseDecimal(text);
  if (!value || value.units === 0n) return 0;
  return value.units < 0n ? -1 : 1;
}

export interface DecimalFormat {
  /** Fixed number of decimal places; as many as there are when not given. */
  places?: number;
  /** Most places when `places` is not given; zeros at the end are dropped. */
  placesMax?: number;
  /** Writes + before positive figures. */
  signed?: boolean;
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function digitsOf(value: Decimal): [string, string] {
  const magnitude = value.units < 0n ? -value.units : value.units;
  const digits = magnitude.toString().padStart(value.scale + 1, "0");
  const split = digits.length - value.scale;
  return [digits.slice(0, split), digits.slice(split)];
}

/** A decimal with grouped digits and a true minus sign; a dash when there is none. */
export function formatDecimal(text: Text, format: DecimalFormat = {}): string {
  const parsed = parseDecimal(text);
  if (!parsed) return NOTHING;
  const scale = format.places ?? Math.min(parsed.scale, format.placesMax ?? parsed.scale);
  const value = rescale(parsed, scale);
  const [whole, all] = digitsOf(value);
  const fraction = format.places === undefined ? all.replace(/0+$/, "") : all;
  const sign = value.units < 0n ? MINUS : format.signed && value.units > 0n ? "+" : "";
  return `${sign}${group(whole)}${fraction && `.${fraction}`}`;
}

/** A share such as "0.1534" as percent, "15.3 %". */
export function formatShare(text: Text, format: DecimalFormat = {}): string {
  const value = parseDecimal(text);
  if (!value) return NOTHING;
  const shifted = value.scale >= 2 ? value : rescale(value, 2);
  const [whole, fraction] = digitsOf({ units: shifted.units, scale: shifted.scale - 2 });
  const sign = shifted.units < 0n ? "-" : "";
  const percent = `${sign}${whole}${fraction && `.${fraction}`}`;
  return `${formatDecimal(percent, { places: 1, ...format })}\u00a0%`;
}

/** The number of decimal places of an instrument's tick, such as 2 for "0.01". */
export function placesOf(tick: Text): number | undefined {
  const value = parseDecimal(tick);
  if (!value) return undefined;
  const [, fraction] = digitsOf(value);
  return fraction.replace(/0+$/, "").length;
}

/** For charts only, where a pixel is coarser than a binary fraction. */
export function toChartNumber(text: Text): number | null {
  return parseDecimal(text) ? Number(text) : null;
}

/** A quotient of two decimals as a percent text; null when it is not defined. */
export function percentOf(part: Text, whole: Text, format: DecimalFormat = {}): string | null {
  const a = parseDecimal(part);
  const b = parseDecimal(whole);
  if (!a || !b || b.units === 0n) return null;
  const scale = Math.max(a.scale, b.scale);
  const numerator = rescale(a, scale).units * 1_000_000n;
  const share = { units: numerator / rescale(b, scale).units, scale: 6 };
  const [digits, fraction] = digitsOf(share);
  return formatShare(`${share.units < 0n ? "-" : ""}${digits}.${fraction}`, format);
}
