import { describe, expect, it, vi } from "vitest";
import { NewStrategyDrawer, readForm } from "@/pages/strategies/NewStrategy";
import { answerCalls, button, draw, press, until } from "./render";

const READS = {
  "GET /api/v1/strategy-types": {
    strategy_types: [
      {
        name: "ma-crossover",
        description: "Follows the trend.",
        parameters: [{ name: "fast", kind: "integer", default_value: "10", minimum: "1" }],
      },
      { name: "broken", problem: "SyntaxError in line 3" },
    ],
  },
  "GET /api/v1/market-data/symbols": {
    instruments: [
      { symbol: "ACME", tradable: true },
      { symbol: "INDEX", tradable: false },
    ],
  },
};

async function open(more: Record<string, unknown> = {}) {
  const { calls, fetch } = answerCalls({ ...READS, ...more });
  vi.stubGlobal("fetch", fetch);
  const onClose = vi.fn();
  const { host } = await draw(<NewStrategyDrawer onClose={onClose} />);
  await until(() => expect(host.querySelector("[name=symbols]")).not.toBeNull());
  const fill = (name: string, value: string) => {
    const field = host.querySelector<HTMLInputElement>(`[name="${name}"]`);
    if (field) field.value = value;
  };
  return { host, calls, onClose, fill };
}

describe("a new strategy", () => {
  it("offers the plug-ins that work and the symbols that can be traded", async () => {
    const { host } = await open();
    const values = (name: string) =>
      [...host.querySelectorAll<HTMLOptionElement>(`[name=${name}] option`)].map((o) => o.value);
    expect(values("type")).toEqual(["ma-crossover"]);
    const symbols = [...host.querySelectorAll<HTMLInputElement>("[name=symbols]")];
    expect(symbols.map((box) => box.value)).toEqual(["ACME"]);
  });

  it("is sent as the form says, and the drawer closes", async () => {
    const { host, calls, onClose, fill } = await open({ "POST /api/v1/strategies": {} });
    fill("id", "ma-acme");
    fill("parameter.fast", "12");
    host.querySelector<HTMLInputElement>("[name=symbols]")?.click();
    await press(button(host, "Create strategy"));
    await until(() => expect(onClose).toHaveBeenCalled());
    const sent = calls.find((call) => call.method === "POST");
    expect(sent?.body).toEqual({
      id: "ma-acme",
      type: "ma-crossover",
      symbols: ["ACME"],
      timeframe: "1m",
      parameters: { fast: "12" },
    });
  });

  it("says what the server refused and stays open", async () => {
    const refusal = { code: "INVALID_PARAMETER", message: "fast must be smaller than slow" };
    const { host, onClose, fill } = await open({
      "POST /api/v1/strategies": () => new Response(JSON.stringify(refusal), { status: 400 }),
    });
    fill("id", "ma-acme");
    host.querySelector<HTMLInputElement>("[name=symbols]")?.click();
    await press(button(host, "Create strategy"));
    await until(() => expect(host.textContent).toContain("Fast must be smaller than slow"));
    expect(onClose).not.toHaveBeenCalled();
  });

  it("is not sent without a symbol", async () => {
    const { host, calls, fill } = await open();
    fill("id", "ma-acme");
    await press(button(host, "Create strategy"));
    await until(() => expect(host.textContent).toContain("Choose at least one symbol."));
    expect(calls.every((call) => call.method === "GET")).toBe(true);
  });
});

it("leaves empty parameters to their defaults", () => {
  const data = new FormData();
  data.set("id", " ma ");
  data.set("parameter.fast", "");
  data.set("parameter.slow", "30");
  expect(readForm(data)).toMatchObject({ id: "ma", parameters: { slow: "30" } });
});
