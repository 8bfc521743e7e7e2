// The contract's words as people read them.

/** "partially_filled" → "Partially filled". */
export function sentenceCase(word: string | null | undefined): string {
  const text = (word ?? "").replaceAll("_", " ").trim();
  return text && text !== "unspecified" ? text.charAt(0).toUpperCase() + text.slice(1) : "\u2013";
}

/** A message of the server as a sentence of the page: with a capital letter. */
export function sentence(text: string | null | undefined): string {
  return text ? text.charAt(0).toUpperCase() + text.slice(1) : "\u2013";
}

/** "1 order", "3 orders". */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** Bytes in binary units with three digits: 512 B, 14.2 MiB. */
export function formatBytes(count: number | string | null | undefined): string {
  const bytes = Number(count ?? 0);
  if (!(bytes > 0)) return "\u2013";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value >= 100 || power === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[power]}`;
}
