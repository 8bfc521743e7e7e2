import { describe, expect, it } from "vitest";
import { formatDuration, formatInstant, formatRecent, formatTime, parseTime } from "@/format/time";

const AT = "2026-03-05T14:03:22.120Z";

describe("times", () => {
  it("are shown in UTC with 24 hours", () => {
    expect(formatTime(AT, "time", "utc")).toBe("14:03:22");
    expect(formatTime(AT, "date", "utc")).toBe("2026-03-05");
    expect(formatInstant(AT, "utc")).toBe("2026-03-05 14:03:22.120");
    expect(formatTime("2026-03-05T00:00:00Z", "time", "utc")).toBe("00:00:00");
  });

  it("read nanoseconds and offsets as the contract may write them", () => {
    expect(parseTime("2026-03-05T14:03:22.123456789Z")).toBe(
      Date.parse("2026-03-05T14:03:22.123Z"),
    );
    expect(parseTime("2026-03-05T15:03:22+01:00")).toBe(Date.parse("2026-03-05T14:03:22Z"));
  });

  it("are a dash when they are missing, zero or no time", () => {
    for (const text of [null, undefined, "", "soon", "1970-01-01T00:00:00Z"]) {
      expect(formatTime(text, "time", "utc")).toBe("\u2013");
    }
  });

  it("of another day come with their day", () => {
    const now = Date.parse("2026-03-06T09:00:00Z");
    expect(formatRecent(AT, "utc", now)).toBe("05 Mar, 14:03");
    expect(formatRecent("2026-03-06T08:00:00Z", "utc", now)).toBe("08:00:00");
  });
});

it("shows a length of time in its two largest units", () => {
  const minute = 60_000;
  expect(formatDuration(59_900)).toBe("59 s");
  expect(formatDuration(12 * minute)).toBe("12 min");
  expect(formatDuration(200 * minute)).toBe("3 h 20 min");
  expect(formatDuration(50 * 60 * minute)).toBe("2 d 2 h");
  expect(formatDuration(-5)).toBe("0 s");
});
