// The newest price of each instrument in one line. Each item reads its own key of the live store,
// so a busy symbol does not draw the quiet ones again.
import { memo, useEffect, useRef, useState } from "react";
import { useReachable } from "@/api/reachability";
import type { Quote } from "@/api/types";
import { compareDecimals, formatDecimal } from "@/format/decimal";
import { keys, type Received } from "@/live/apply";
import { useLive } from "@/live/client";
import { usePricePlaces, useQuotes } from "@/queries/market";
import { Arrow } from "@/widgets/Figures";
import styles from "./QuoteStrip.module.css";

const SYMBOLS_SHOWN_MAX = 24;

export function QuoteStrip() {
  const quotes = useQuotes();
  const pushed = useLive<string[]>(keys.symbols);
  const places = usePricePlaces();
  const reachable = useReachable();
  const late = quotes.stale;
  const fetched = quotes.data ?? [];
  const symbols = pushed ?? fetched.flatMap((quote) => (quote.symbol ? [quote.symbol] : []));
  if (symbols.length === 0) return <p className={styles.none}>{whyNone(quotes, reachable)}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a strip that scrolls must be reachable by key
    <ul className={styles.strip} aria-label="Newest prices" tabIndex={0}>
      {symbols.slice(0, SYMBOLS_SHOWN_MAX).map((symbol) => (
        <QuoteItem
          key={symbol}
          symbol={symbol}
          fetched={fetched.find((quote) => quote.symbol === symbol)}
          fetchedAt={quotes.receivedAt}
          late={late}
          places={places(symbol)}
        />
      ))}
    </ul>
  );
}

function whyNone(quotes: ReturnType<typeof useQuotes>, reachable: boolean): string {
  if (quotes.loading) return "Loading prices…";
  if (quotes.error && !reachable) return "No prices: the server cannot be reached.";
  if (quotes.error) return "No prices: market data does not answer.";
  return "No prices yet. They appear when a data provider or a replay runs.";
}

interface QuoteItemProps {
  symbol: string;
  fetched: Quote | undefined;
  fetchedAt: number;
  /** True when neither the socket nor the calls bring new prices. */
  late: boolean;
  places: number;
}

const QuoteItem = memo(function QuoteItem(props: QuoteItemProps) {
  const { symbol, fetched, places } = props;
  const pushed = useLive<Received<Quote>>(keys.quote(symbol));
  const pushedIsNewer = pushed && (!fetched || pushed.receivedAt >= props.fetchedAt);
  const quote = pushedIsNewer ? pushed.value : fetched;
  const old = props.late || quote?.stale;
  const price = quote?.last_price || quote?.bid_price;
  const direction = useDirection(price);
  const format = (text: string | null | undefined) => formatDecimal(text, { places });
  return (
    <li className={old ? styles.stale : styles.item}>
      <span className={styles.symbol}>{symbol}</span>
      <span className={styles.price}>
        {direction !== 0 && (
          <span className={direction > 0 ? "gain" : "loss"}>
            <Arrow up={direction > 0} />
          </span>
        )}
        {format(price)}
      </span>
      <span className={styles.spread}>
        {old ? "old price" : `${format(quote?.bid_price)} / ${format(quote?.ask_price)}`}
      </span>
    </li>
  );
});

/** Which way the price last moved: -1, 0 before the first move, or 1. */
function useDirection(price: string | null | undefined): number {
  const previous = useRef(price);
  const [direction, setDirection] = useState(0);
  useEffect(() => {
    const change = previous.current && price ? compareDecimals(price, previous.current) : 0;
    previous.current = price;
    if (change !== 0) setDirection(change);
  }, [price]);
  return direction;
}
