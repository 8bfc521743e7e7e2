import { describe, expect, it } from "vitest";
import {
  compareDecimals,
  formatDecimal,
  formatShare,
  parseDecimal,
  percentOf,
  placesOf,
  signOf,
} from "@/format/decimal";

describe("formatDecimal", () => {
  it("keeps digits that a binary number would lose", () => {
    expect(formatDecimal("12345678901234567890.123456789")).toBe(
      "12,345,678,901,234,567,890.123456789",
    );
  });

  it("rounds half away from zero to fixed places", () => {
    expect(formatDecimal("1.005", { places: 2 })).toBe("1.01");
    expect(formatDecimal("-1.005", { places: 2 })).toBe("\u22121.01");
    expect(formatDecimal("999.995", { places: 2 })).toBe("1,000.00");
  });

  it("pads to fixed places and otherwise drops zeros at the end", () => {
    expect(formatDecimal("5", { places: 2 })).toBe("5.00");
    expect(formatDecimal("5.2500")).toBe("5.25");
    expect(formatDecimal("0.12500000", { placesMax: 8 })).toBe("0.125");
  });

  it("writes a true minus sign, plus only when asked, and no sign on zero", () => {
    expect(formatDecimal("-3.5", { places: 1 })).toBe("\u22123.5");
    expect(formatDecimal("3.5", { places: 1, signed: true })).toBe("+3.5");
    expect(formatDecimal("-0.001", { places: 2, signed: true })).toBe("0.00");
  });

  it("shows a dash for what is missing or no plain decimal", () => {
    for (const text of [undefined, null, "", "NaN", "1e5", "1,000", "0x1"]) {
      expect(formatDecimal(text)).toBe("\u2013");
    }
  });
});

describe("formatShare", () => {
  it("shows a share as percent", () => {
    expect(formatShare("0.1534")).toBe("15.3\u00a0%");
    expect(formatShare("-0.004567", { places: 2 })).toBe("\u22120.46\u00a0%");
    expect(formatShare("1")).toBe("100.0\u00a0%");
    expect(formatShare("0.5")).toBe("50.0\u00a0%");
  });
});

describe("percentOf", () => {
  it("divides two decimals and is undefined for nothing", () => {
    expect(percentOf("-947.15", "100950.00", { places: 2, signed: true })).toBe(
      "\u22120.94\u00a0%",
    );
    expect(percentOf("1", "0")).toBeNull();
    expect(percentOf("1", undefined)).toBeNull();
  });
});

describe("compareDecimals", () => {
  it("orders by value whatever the number of places", () => {
    const texts = ["10", "9.99", "-3", "10.01", "0"];
    expect([...texts].sort(compareDecimals)).toEqual(["-3", "0", "9.99", "10", "10.01"]);
    expect(compareDecimals("1.50", "1.5")).toBe(0);
  });

  it("puts what is missing first", () => {
    expect(compareDecimals(null, "-5")).toBeLessThan(0);
    expect(compareDecimals("", undefined)).toBe(0);
  });
});

it("reads the sign, the places of a tick and the parts of a decimal", () => {
  expect([signOf("-0.00"), signOf("-0.01"), signOf("2")]).toEqual([0, -1, 1]);
  expect([placesOf("0.010"), placesOf("1"), placesOf("0.00001")]).toEqual([2, 0, 5]);
  expect(parseDecimal("-12.50")).toEqual({ units: -1250n, scale: 2 });
});
