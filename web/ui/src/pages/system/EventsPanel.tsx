// What happened in the system, newest first, as it happens.
import type { SystemEvent } from "@/api/types";
import { NOTHING } from "@/format/decimal";
import { sentence, sentenceCase } from "@/format/words";
import { useSystemEvents } from "@/queries/system";
import { Badge, type Tone } from "@/widgets/Badge";
import { type Column, DataTable } from "@/widgets/DataTable";
import { When } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";
import { compareText } from "@/widgets/sorting";

const EVENTS_SHOWN = 50;
const TONES: Record<string, Tone> = {
  info: "neutral",
  warning: "warning",
  error: "danger",
  critical: "danger",
};
const LEVELS = ["info", "warning", "error", "critical"];
const rank = (event: SystemEvent) => LEVELS.indexOf(event.level ?? "info");

const COLUMNS: Column<SystemEvent>[] = [
  { id: "time", header: "Time", cell: (event) => <When time={event.time} /> },
  {
    id: "level",
    header: "Level",
    cell: (event) => (
      <Badge tone={TONES[event.level ?? ""] ?? "neutral"}>{sentenceCase(event.level)}</Badge>
    ),
    compare: (left, right) => rank(left) - rank(right),
  },
  {
    id: "service",
    header: "Service",
    from: "phone",
    cell: (event) => event.service || NOTHING,
    compare: (left, right) => compareText(left.service, right.service),
  },
  {
    id: "message",
    header: "What happened",
    wrap: true,
    cell: (event) => sentence(event.message || event.type),
  },
  {
    id: "correlation",
    header: "Request",
    from: "laptop",
    clip: true,
    cell: (event) => (event.correlation_id ? <code>{event.correlation_id}</code> : NOTHING),
  },
];

const hasNone = (events: SystemEvent[]) => events.length === 0;
const keyOf = (event: SystemEvent) => event.id ?? String(event.sequence);

export function EventsPanel() {
  const events = useSystemEvents(EVENTS_SHOWN);
  return (
    <Panel
      title="Events"
      resource={events}
      isEmpty={hasNone}
      empty={{ text: "Nothing has happened yet." }}
      rows={8}
      flush
    >
      {(rows) => (
        <DataTable caption="Newest events first" columns={COLUMNS} rows={rows} rowKey={keyOf} />
      )}
    </Panel>
  );
}
