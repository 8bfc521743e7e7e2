// The icons, drawn here: glyphs of a font differ from machine to machine. All are decorative; the
// word is always beside them or in the button's label.

const PATHS = {
  overview: "M3 13h6V3H3zM11 17h6V9h-6zM3 17h6v-2H3zM11 7h6V3h-6z",
  orders: "M4 4h12M4 8h12M4 12h8M4 16h5",
  strategies: "M3 15l4-5 3 3 4-7 3 4",
  system: "M4 4h12v8H4zM8 16h4M10 12v4",
  settings:
    "M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6M10 2v2.4M10 15.6V18M2 10h2.4M15.6 10H18M4.3 4.3 6 6M14 14l1.7 1.7M4.3 15.7 6 14M14 6l1.7-1.7",
  halt: "M6.5 2.5h7l4 4v7l-4 4h-7l-4-4v-7zM7.5 7.5h5v5h-5z",
  play: "M6 4l10 6-10 6z",
  stop: "M5 5h10v10H5z",
  close: "M5 5l10 10M15 5 5 15",
  ascending: "M10 15V5M6 9l4-4 4 4",
  descending: "M10 5v10M6 11l4 4 4-4",
  warning: "M10 3 2 17h16zM10 8v4M10 14.4v.2",
  done: "M4 10.5l4 4 8-9",
  moon: "M16 12.5A7 7 0 0 1 7.5 4a6.5 6.5 0 1 0 8.5 8.5z",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4",
  more: "M7 4l6 6-6 6",
} as const;

export type IconName = keyof typeof PATHS;

const FILLED: ReadonlySet<IconName> = new Set<IconName>(["play", "stop"]);

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill={FILLED.has(name) ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
