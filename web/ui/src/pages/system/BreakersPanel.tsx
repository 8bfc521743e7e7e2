// The circuit breakers: which outside calls are held back for now.
import type { CircuitBreaker } from "@/api/types";
import { sentenceCase } from "@/format/words";
import { useCircuitBreakers } from "@/queries/system";
import { Badge, type Tone } from "@/widgets/Badge";
import { type Column, DataTable } from "@/widgets/DataTable";
import { When } from "@/widgets/Figures";
import { Panel } from "@/widgets/Panel";

const TONES: Record<string, Tone> = { closed: "good", half_open: "warning", open: "danger" };

// "Closed" means that calls pass, which only an electrician reads at once.
const WORDS: Record<string, string> = {
  closed: "Calls pass",
  half_open: "Trying one call",
  open: "Calls held back",
};

const COLUMNS: Column<CircuitBreaker>[] = [
  { id: "name", header: "Breaker", cell: (row) => row.name },
  { id: "service", header: "Service", from: "phone", cell: (row) => row.service },
  {
    id: "state",
    header: "State",
    cell: (row) => (
      <Badge tone={TONES[row.state ?? ""] ?? "neutral"}>
        {WORDS[row.state ?? ""] ?? sentenceCase(row.state)}
      </Badge>
    ),
  },
  { id: "failures", header: "Failures in a row", numeric: true, cell: (row) => row.failures ?? 0 },
  {
    id: "retry",
    header: "Next try",
    numeric: true,
    from: "phone",
    cell: (row) => <When time={row.retry_at} />,
  },
];

const hasNone = (breakers: CircuitBreaker[]) => breakers.length === 0;
const keyOf = (row: CircuitBreaker) => `${row.service}/${row.name}`;

export function BreakersPanel() {
  const breakers = useCircuitBreakers();
  return (
    <Panel
      title="Circuit breakers"
      resource={breakers}
      isEmpty={hasNone}
      empty={{
        text: "No breaker is in use.",
        next: "One appears when a broker or data provider outside this machine is configured.",
      }}
      rows={2}
      flush
    >
      {(rows) => (
        <DataTable caption="Circuit breakers" columns={COLUMNS} rows={rows} rowKey={keyOf} />
      )}
    </Panel>
  );
}
