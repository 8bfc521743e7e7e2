// The emergency stop and its end. Halting lowers risk: one question, no typing, focus on the verb,
// and it is offered even while the page seems offline. Resuming adds risk: focus on Cancel.
import { useState } from "react";
import { countOf } from "@/format/words";
import { useHalt, useResume } from "@/queries/commands";
import { isWorking, useOrders } from "@/queries/orders";
import { useStrategies } from "@/queries/strategies";
import { useRiskState } from "@/queries/system";
import { Button } from "@/widgets/Button";
import { ConfirmDialog } from "@/widgets/ConfirmDialog";
import { useCommandBarrier, useRoleBarrier } from "./session";

const ORDERS_LOOKED_AT = 100;

export function HaltControl() {
  const { data: risk } = useRiskState();
  return risk?.mode === "halted" || risk?.mode === "reducing" ? (
    <ResumeButton halted={risk.mode === "halted"} />
  ) : (
    <HaltButton />
  );
}

export function HaltButton() {
  const [open, setOpen] = useState(false);
  const halt = useHalt();
  const barrier = useRoleBarrier("trader");
  const close = () => setOpen(false);
  return (
    <>
      <Button tone="danger" icon="halt" offBecause={barrier} onClick={() => setOpen(true)}>
        Halt
      </Button>
      <ConfirmDialog
        open={open}
        title="Halt all trading?"
        confirmLabel="Halt trading"
        pendingLabel="Halting…"
        pending={halt.pending}
        tone="danger"
        focus="confirm"
        onCancel={close}
        onConfirm={() => halt.run("Halted from the dashboard", close)}
      >
        {open && <HaltConsequences />}
      </ConfirmDialog>
    </>
  );
}

function HaltConsequences() {
  const { data: page } = useOrders("open", ORDERS_LOOKED_AT);
  const { data: strategies } = useStrategies();
  const working = page?.orders.filter(isWorking).length;
  const running = strategies?.filter((strategy) => strategy.state === "running").length;
  const more = page?.nextPageToken ? "More than " : "";
  return (
    <ul>
      <li>No new order is sent until trading is resumed.</li>
      <li>{cancelWords(working, more)}</li>
      {running !== undefined && running > 0 && (
        <li>{countOf(running, "running strategy", "running strategies")} can no longer trade.</li>
      )}
      <li>Positions stay as they are.</li>
    </ul>
  );
}

function cancelWords(working: number | undefined, more: string): string {
  if (working === undefined) return "All working orders are canceled.";
  if (working === 0) return "No orders are working, so none are canceled.";
  return `${more}${countOf(working, "working order is", "working orders are")} canceled.`;
}

function ResumeButton({ halted }: { halted: boolean }) {
  const [open, setOpen] = useState(false);
  const resume = useResume();
  const barrier = useCommandBarrier("admin");
  const { data: strategies } = useStrategies();
  const running = strategies?.filter((strategy) => strategy.state === "running").length ?? 0;
  const close = () => setOpen(false);
  return (
    <>
      <Button tone="primary" icon="play" offBecause={barrier} onClick={() => setOpen(true)}>
        Resume
      </Button>
      <ConfirmDialog
        open={open}
        title="Resume trading?"
        confirmLabel="Resume trading"
        pendingLabel="Resuming…"
        pending={resume.pending}
        focus="cancel"
        onCancel={close}
        onConfirm={() => resume.run("Resumed from the dashboard", close)}
      >
        <ul>
          <li>
            {halted ? "Orders are sent again" : "Orders that open positions are sent again"} as soon
            as a signal or a person asks for one.
          </li>
          <li>
            {countOf(running, "strategy is", "strategies are")} running and may trade at once.
          </li>
        </ul>
      </ConfirmDialog>
    </>
  );
}
