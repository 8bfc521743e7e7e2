// Instruments and quotes.
import { useMemo } from "react";
import type { Instrument, Quote } from "@/api/types";
import { placesOf } from "@/format/decimal";
import { fetchList, POLL_MS } from "./lists";
import { type Resource, useResource } from "./resource";

const BASE = "/api/v1/market-data";

/** The newest quote of each symbol as of the last call; live ones are read by key. */
export function useQuotes(): Resource<Quote[]> {
  return useResource<Quote[]>({
    queryKey: ["market", "quotes"],
    fetch: (signal) => fetchList(`${BASE}/quotes`, "quotes", signal),
    channel: "market_data",
    service: "data",
    pollMs: POLL_MS.fast,
  });
}

export function useInstruments(): Resource<Instrument[]> {
  return useResource<Instrument[]>({
    queryKey: ["market", "instruments"],
    fetch: (signal) => fetchList(`${BASE}/symbols`, "instruments", signal, { page_size: 500 }),
    service: "data",
    pollMs: POLL_MS.rare,
  });
}

const PLACES_DEFAULT = 2;

/** Decimal places of a symbol's prices, from its tick size. */
export function usePricePlaces(): (symbol: string | null | undefined) => number {
  const { data } = useInstruments();
  return useMemo(() => {
    const places = new Map(data?.map((item) => [item.symbol, placesOf(item.tick_size)]));
    return (symbol) => places.get(symbol) ?? PLACES_DEFAULT;
  }, [data]);
}
