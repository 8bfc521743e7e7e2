// Which of risk's limits belongs under which figure.
import type { LimitUse } from "@/api/types";

export type LimitTopic = "daily_loss" | "exposure" | "drawdown";

const MATCHERS: Record<LimitTopic, RegExp> = {
  daily_loss: /daily_loss/,
  exposure: /^(?:max_|total_)?exposure/,
  drawdown: /drawdown/,
};

/** The most used limit of a topic; undefined when risk has none. */
export function limitFor(uses: readonly LimitUse[], topic: LimitTopic): LimitUse | undefined {
  const matching = uses.filter((use) => MATCHERS[topic].test(use.check ?? ""));
  return matching.reduce<LimitUse | undefined>(
    (most, use) => ((use.used ?? 0) > (most?.used ?? -1) ? use : most),
    undefined,
  );
}
