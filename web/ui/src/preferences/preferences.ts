// How this browser wants to see the dashboard. Kept in localStorage: nothing here is secret, and
// nothing here may switch a safety question off.
import { useSyncExternalStore } from "react";
import type { TimeZoneChoice } from "@/format/time";

export const CHOICES = {
  theme: ["system", "dark", "light"],
  colours: ["green-up", "red-up", "blue-orange"],
  zone: ["utc", "local"],
} as const;

export interface Preferences {
  theme: (typeof CHOICES.theme)[number];
  colours: (typeof CHOICES.colours)[number];
  zone: TimeZoneChoice;
}

const KEY = "pi5.preferences";
const DEFAULTS: Preferences = { theme: "system", colours: "green-up", zone: "utc" };

const listeners = new Set<() => void>();
let current: Preferences = read();

/** Reads what was stored, replacing anything unknown by the default. */
function read(): Preferences {
  let stored: Record<string, unknown> = {};
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, unknown>;
  } catch {
    return DEFAULTS;
  }
  const pick = <K extends keyof Preferences>(name: K): Preferences[K] => {
    const options: readonly unknown[] = CHOICES[name];
    return options.includes(stored[name]) ? (stored[name] as Preferences[K]) : DEFAULTS[name];
  };
  return { theme: pick("theme"), colours: pick("colours"), zone: pick("zone") };
}

/** Puts theme and colours on the root element, where the style sheet looks for them. */
export function applyPreferences(): void {
  const root = document.documentElement;
  root.dataset.theme = current.theme;
  root.dataset.colours = current.colours;
}

export function setPreference<K extends keyof Preferences>(name: K, value: Preferences[K]): void {
  current = { ...current, [name]: value };
  localStorage.setItem(KEY, JSON.stringify(current));
  applyPreferences();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}
