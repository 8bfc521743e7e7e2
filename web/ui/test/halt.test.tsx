import { describe, expect, it, vi } from "vitest";
import { HaltControl } from "@/app/HaltControl";
import { ConfirmDialog } from "@/widgets/ConfirmDialog";
import { type Answers, answerCalls, button, draw, press, testClient, until } from "./render";

const READS: Answers = {
  "GET /auth/me": { username: "ada", role: "admin" },
  "GET /api/v1/orders": {
    orders: [
      { id: "1", status: "accepted" },
      { id: "2", status: "filled" },
    ],
  },
  "GET /api/v1/strategies": { strategies: [{ id: "ma", state: "running" }] },
};

async function drawControl(mode: string, more: Answers = {}) {
  const { calls, fetch } = answerCalls({ ...READS, "GET /api/v1/risk/state": { mode }, ...more });
  vi.stubGlobal("fetch", fetch);
  const client = testClient();
  const drawn = await draw(<HaltControl />, client);
  const words = mode === "active" ? "Halt" : "Resume";
  await until(() => {
    button(drawn.host, words);
    expect(client.isFetching()).toBe(0);
  });
  return { ...drawn, calls };
}

describe("the halt dialog", () => {
  it("asks once, with the focus on the verb, and says what follows in numbers", async () => {
    const { host } = await drawControl("active");
    await press(button(host, "Halt"));
    const dialog = host.querySelector("dialog");
    expect(dialog?.open).toBe(true);
    expect(document.activeElement?.textContent).toBe("Halt trading");
    await until(() => expect(dialog?.textContent).toContain("1 working order is canceled."));
    expect(dialog?.querySelectorAll("input")).toHaveLength(0);
  });

  it("sends one call with proof of intent and a key of its own", async () => {
    const { host, calls } = await drawControl("active", {
      "POST /api/v1/risk/halt": { mode: "halted" },
    });
    await press(button(host, "Halt"));
    await press(button(host.querySelector("dialog") ?? host, "Halt trading"));
    await until(() => expect(host.querySelector("dialog")?.open).toBe(false));
    const halts = calls.filter((call) => call.method === "POST");
    expect(halts).toHaveLength(1);
    expect(halts[0]?.headers["X-Requested-With"]).toBe("pi5");
    expect(halts[0]?.headers["Idempotency-Key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(halts[0]?.body).toEqual({ reason: "Halted from the dashboard" });
  });

  it("does nothing when it is canceled", async () => {
    const { host, calls } = await drawControl("active");
    await press(button(host, "Halt"));
    await press(button(host.querySelector("dialog") ?? host, "Cancel"));
    expect(host.querySelector("dialog")?.open).toBe(false);
    expect(calls.filter((call) => call.method === "POST")).toHaveLength(0);
  });

  it("puts the focus on Cancel when trading is to be resumed", async () => {
    const { host } = await drawControl("halted");
    await press(button(host, "Resume"));
    expect(document.activeElement?.textContent).toBe("Cancel");
  });

  it("is off for viewers and says why", async () => {
    const { host, calls } = await drawControl("active", {
      "GET /auth/me": { username: "eve", role: "viewer" },
    });
    await until(() => expect(button(host, "Halt").title).toBe("Needs the role trader"));
    await press(button(host, "Halt"));
    expect(host.querySelector("dialog")?.open).toBe(false);
    expect(calls.some((call) => call.method === "POST")).toBe(false);
  });
});

describe("a dialog", () => {
  const dialog = (open: boolean, onCancel = vi.fn(), pending = false) => (
    <ConfirmDialog
      open={open}
      title="Start ma-cross?"
      confirmLabel="Start ma-cross on AAPL"
      pendingLabel="Starting…"
      pending={pending}
      focus="cancel"
      onConfirm={vi.fn()}
      onCancel={onCancel}
    >
      It will trade.
    </ConfirmDialog>
  );

  it("is canceled by Esc, which closes a native dialog", async () => {
    const onCancel = vi.fn();
    const { host } = await draw(dialog(true, onCancel));
    host.querySelector("dialog")?.close();
    await until(() => expect(onCancel).toHaveBeenCalledTimes(1));
  });

  it("cannot be confirmed twice while the call is under way", async () => {
    const { host } = await draw(dialog(true, vi.fn(), true));
    expect(button(host, "Starting…").getAttribute("aria-disabled")).toBe("true");
  });
});
