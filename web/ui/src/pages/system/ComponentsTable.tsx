// Each service and store: how it is, how fast it answers, how long it has been up.
import type { ComponentHealth } from "@/api/types";
import { NOTHING } from "@/format/decimal";
import { formatDuration, parseTime } from "@/format/time";
import { formatBytes } from "@/format/words";
import { ComponentStateBadge } from "@/widgets/Badge";
import { type Column, DataTable } from "@/widgets/DataTable";
import { compareCounts, compareText } from "@/widgets/sorting";

function upFor(part: ComponentHealth): string {
  const startedAt = parseTime(part.started_at);
  return startedAt === null ? NOTHING : formatDuration(Date.now() - startedAt);
}

const COLUMNS: Column<ComponentHealth>[] = [
  {
    id: "name",
    header: "Service",
    cell: (part) => part.name,
    compare: (left, right) => compareText(left.name, right.name),
  },
  {
    id: "state",
    header: "State",
    cell: (part) => <ComponentStateBadge state={part.state} />,
    compare: (left, right) => compareText(left.state, right.state),
  },
  {
    id: "detail",
    header: "Detail",
    from: "tablet",
    clip: true,
    cell: (part) => <span title={part.detail ?? ""}>{part.detail || NOTHING}</span>,
  },
  {
    id: "latency",
    header: "Answers in",
    numeric: true,
    cell: (part) => (part.latency_ms ? `${part.latency_ms.toFixed(1)} ms` : NOTHING),
    compare: (left, right) => compareCounts(left.latency_ms, right.latency_ms),
  },
  { id: "up", header: "Up for", numeric: true, from: "phone", cell: upFor },
  {
    id: "restarts",
    header: "Restarts",
    numeric: true,
    from: "tablet",
    cell: (part) => part.restarts ?? 0,
    compare: (left, right) => compareCounts(left.restarts, right.restarts),
  },
  {
    id: "memory",
    header: "Memory",
    numeric: true,
    from: "tablet",
    cell: (part) => formatBytes(part.memory_bytes),
    compare: (left, right) => compareCounts(left.memory_bytes, right.memory_bytes),
  },
  { id: "version", header: "Version", from: "laptop", cell: (part) => part.version || NOTHING },
];

const keyOf = (part: ComponentHealth) => part.name ?? "";

export function ComponentsTable({ components }: { components: readonly ComponentHealth[] }) {
  return (
    <DataTable
      caption="Services and stores"
      columns={COLUMNS}
      rows={components}
      rowKey={keyOf}
      initialSort={{ column: "name", direction: "ascending" }}
    />
  );
}
