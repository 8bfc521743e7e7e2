import { describe, expect, it } from "vitest";
import { compareDecimals } from "@/format/decimal";
import { type Column, DataTable } from "@/widgets/DataTable";
import { compareText, nextSort, sortRows } from "@/widgets/sorting";
import { button, draw, press } from "./render";

interface Row {
  symbol: string;
  value: string;
}

const ROWS: Row[] = [
  { symbol: "MSFT", value: "10.5" },
  { symbol: "AAPL", value: "-3" },
  { symbol: "GLD", value: "9.75" },
];

const COLUMNS: Column<Row>[] = [
  {
    id: "symbol",
    header: "Symbol",
    cell: (row) => row.symbol,
    compare: (left, right) => compareText(left.symbol, right.symbol),
  },
  {
    id: "value",
    header: "Value",
    numeric: true,
    cell: (row) => row.value,
    compare: (left, right) => compareDecimals(left.value, right.value),
  },
  { id: "note", header: "Note", cell: () => "" },
];

const table = (
  <DataTable caption="Test" columns={COLUMNS} rows={ROWS} rowKey={(row) => row.symbol} />
);
const order = (host: HTMLElement) =>
  [...host.querySelectorAll("tbody th")].map((cell) => cell.textContent);

describe("tables", () => {
  it("keep the given order until a header is pressed", async () => {
    const { host } = await draw(table);
    expect(order(host)).toEqual(["MSFT", "AAPL", "GLD"]);
  });

  it("sort figures by value, turn round on the second press, and say so", async () => {
    const { host } = await draw(table);
    await press(button(host, "Value"));
    expect(order(host)).toEqual(["AAPL", "GLD", "MSFT"]);
    const header = button(host, "Value").closest("th");
    expect(header?.getAttribute("aria-sort")).toBe("ascending");
    await press(button(host, "Value"));
    expect(order(host)).toEqual(["MSFT", "GLD", "AAPL"]);
    expect(header?.getAttribute("aria-sort")).toBe("descending");
  });

  it("have a caption, scopes, and headers that can be pressed only where sorting makes sense", async () => {
    const { host } = await draw(table);
    expect(host.querySelector("caption")?.textContent).toBe("Test");
    expect(host.querySelectorAll("th[scope=col]")).toHaveLength(3);
    expect(host.querySelectorAll("th[scope=row]")).toHaveLength(3);
    expect(host.querySelectorAll("thead button")).toHaveLength(2);
  });
});

it("sorts a copy and keeps equal rows in order", () => {
  const rows = [
    { symbol: "b", value: "1" },
    { symbol: "a", value: "1.0" },
  ];
  const byValue = (left: Row, right: Row) => compareDecimals(left.value, right.value);
  expect(sortRows(rows, byValue, "descending").map((row) => row.symbol)).toEqual(["b", "a"]);
  expect(sortRows(rows, byValue, "ascending")).not.toBe(rows);
  expect(nextSort({ column: "a", direction: "ascending" }, "b")).toEqual({
    column: "b",
    direction: "ascending",
  });
});
