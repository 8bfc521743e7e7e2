// Canvas knows no custom properties: the theme's colours are read off a probe element.

export interface ChartColours {
  text: string;
  line: string;
  grid: string;
  fill: string;
  fillEnd: string;
  loss: string;
  lossFill: string;
}

function mixed(name: string, percent: number): string {
  return `color-mix(in srgb, var(${name}) ${percent}%, transparent)`;
}

const SOURCES: Record<keyof ChartColours, string> = {
  text: "var(--text-muted)",
  line: "var(--accent)",
  grid: mixed("--line", 55),
  fill: mixed("--accent", 22),
  fillEnd: mixed("--accent", 2),
  loss: "var(--loss)",
  lossFill: mixed("--loss", 24),
};

const BYTE_MAX = 255;

/** "color(srgb 0.1 0.2 0.3 / 0.5)", as mixed colours compute, in the form the chart reads. */
export function legacyColour(computed: string): string {
  const parts = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)(?: \/ ([\d.e-]+))?\)$/.exec(
    computed,
  );
  if (!parts) return computed;
  const bytes = parts.slice(1, 4).map((part) => Math.round(Number(part) * BYTE_MAX));
  return `rgba(${bytes.join(", ")}, ${parts[4] ?? 1})`;
}

/** The present theme's colours as the chart library takes them. */
export function readChartColours(host: HTMLElement): ChartColours {
  const probe = document.createElement("span");
  host.append(probe);
  const read = (source: string) => {
    probe.style.color = source;
    return legacyColour(getComputedStyle(probe).color);
  };
  const colours = Object.fromEntries(
    Object.entries(SOURCES).map(([name, source]) => [name, read(source)]),
  );
  probe.remove();
  return colours as unknown as ChartColours;
}
