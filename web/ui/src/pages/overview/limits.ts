// Which of risk's limits belongs under which figure, and how it is said in little room.
import type { LimitUse } from "@/api/types";

/** Names of risk's checks that a figure of the overview stands beside. */
export type LimitTopic = "daily_loss" | "exposure" | "drawdown";

/** The most used limit of a check; undefined when risk has none. */
export function limitFor(uses: readonly LimitUse[], topic: LimitTopic): LimitUse | undefined {
  const matching = uses.filter((use) => use.check === topic);
  return matching.reduce<LimitUse | undefined>(
    (most, use) => ((use.used ?? 0) > (most?.used ?? -1) ? use : most),
    undefined,
  );
}

/** "5% = 5,000.00 USD" is told as "5%"; the amount is in the long form. */
export function shortLimit(use: LimitUse): string {
  return (use.limit ?? "").split(" = ")[0] ?? "";
}

/** The use with all its figures, such as "120.00 USD of 5% = 5,000.00 USD". */
export function longLimit(use: LimitUse): string {
  return `${use.observed ?? ""} of ${use.limit ?? ""}`;
}
