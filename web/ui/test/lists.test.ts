import { describe, expect, it } from "vitest";
import { legacyColour } from "@/chart/colours";
import { chartPointsOf, POINTS_MAX, rasterOf, slotOf } from "@/chart/series";
import { limitFor, shortLimit } from "@/pages/overview/limits";
import { startOfRange } from "@/pages/overview/ranges";
import { mergeRows, type RowShape } from "@/queries/lists";

interface Row {
  id: string;
  created_at: string;
  updated_at: string;
  status: string;
}

const SHAPE: RowShape<Row> = {
  id: (row) => row.id,
  time: (row) => row.created_at,
  version: (row) => row.updated_at,
};

const row = (id: string, minute: number, updated: number, status: string): Row => ({
  id,
  created_at: `2026-03-05T14:${String(minute).padStart(2, "0")}:00Z`,
  updated_at: `2026-03-05T15:${String(updated).padStart(2, "0")}:00Z`,
  status,
});

describe("lists", () => {
  it("take the newer version of each row, from whichever side it came", () => {
    const fetched = [row("a", 2, 9, "filled"), row("b", 1, 1, "accepted")];
    const pushed = [row("a", 2, 5, "accepted"), row("b", 1, 3, "filled")];
    const statuses = mergeRows(fetched, pushed, SHAPE).map((merged) => merged.status);
    expect(statuses).toEqual(["filled", "filled"]);
  });

  it("put rows that were pushed among the others by time, newest first", () => {
    const merged = mergeRows(
      [row("a", 1, 1, "x")],
      [row("b", 3, 1, "x"), row("c", 2, 1, "x")],
      SHAPE,
    );
    expect(merged.map((found) => found.id)).toEqual(["b", "c", "a"]);
  });
});

describe("curves", () => {
  it("are strictly rising in time whatever order the points came in", () => {
    const point = (time: string, equity: string) => ({ time, equity, drawdown_share: "-0.01" });
    const points = chartPointsOf([
      point("2026-03-05T14:00:02Z", "3"),
      point("2026-03-05T14:00:00Z", "1"),
      point("2026-03-05T14:00:02.500Z", "4"),
      point("", "9"),
    ]);
    expect(points.map((found) => found.equity)).toEqual([1, 4]);
    expect(points[0]?.drawdown).toBe(-1);
  });

  it("keep only the newest points when there are too many", () => {
    const many = Array.from({ length: POINTS_MAX + 10 }, (_, second) => ({
      time: new Date(1.7e12 + second * 1000).toISOString(),
      equity: String(second),
    }));
    expect(chartPointsOf(many)).toHaveLength(POINTS_MAX);
    expect(chartPointsOf(many)[0]?.equity).toBe(10);
  });

  it("put live points on the raster of the fetched ones, and none before the newest", () => {
    const point = (time: number) => ({ time, equity: 1, drawdown: 0 });
    const fetched = [point(0), point(60), point(120)];
    expect(rasterOf(fetched)).toBe(60);
    expect(slotOf(point(130), 60, point(120))?.time).toBe(120);
    expect(slotOf(point(185), 60, point(120))?.time).toBe(180);
    expect(slotOf(point(130), 60, point(125))?.time).toBe(125);
    expect(slotOf(point(110), 60, point(120))).toBeNull();
    expect(rasterOf([point(5)])).toBe(1);
  });

  it("begin a range's length ago, or at the beginning", () => {
    const now = Date.parse("2026-03-05T14:00:00Z");
    expect(startOfRange("1D", now)).toBe("2026-03-04T14:00:00.000Z");
    expect(startOfRange("All", now)).toBe("");
  });

  it("take mixed colours in the notation that canvas libraries read", () => {
    expect(legacyColour("color(srgb 1 0.5 0 / 0.25)")).toBe("rgba(255, 128, 0, 0.25)");
    expect(legacyColour("rgb(1, 2, 3)")).toBe("rgb(1, 2, 3)");
  });
});

it("shows the most used limit of a figure, in little room", () => {
  const uses = [
    { check: "exposure", limit: "60% = 60,000.00 USD", used: 0.2 },
    { check: "exposure", limit: "50% = 50,000.00 USD", used: 0.9 },
    { check: "position_share", limit: "15%", used: 2 },
  ];
  const found = limitFor(uses, "exposure");
  expect(found?.used).toBe(0.9);
  expect(found && shortLimit(found)).toBe("50%");
  expect(limitFor(uses, "drawdown")).toBeUndefined();
});
