// Orders and fills.
import { useMemo } from "react";
import { request } from "@/api/http";
import type { Fill, Order, OrderEvent } from "@/api/types";
import { keys } from "@/live/apply";
import { useLive } from "@/live/client";
import { fetchList, mergeRows, POLL_MS, type RowShape, usePushedRows } from "./lists";
import { type Resource, useResource } from "./resource";

const BASE = "/api/v1/orders";

const ORDER_SHAPE: RowShape<Order> = {
  id: (order) => order.id,
  time: (order) => order.created_at,
  version: (order) => order.updated_at,
};

const FILL_SHAPE: RowShape<Fill> = {
  id: (fill) => `${fill.account ?? ""}/${fill.execution_id ?? ""}`,
  time: (fill) => fill.time,
};

const WORKING = new Set([
  "pending_new",
  "accepted",
  "partially_filled",
  "pending_cancel",
  "pending_replace",
  "unknown",
]);

/** True while an order may still be filled. */
export function isWorking(order: Order): boolean {
  return WORKING.has(order.status ?? "");
}

export type OrderFilter = "all" | "open" | "closed";

export interface OrderPage {
  orders: Order[];
  /** Empty at the end. */
  nextPageToken: string;
}

interface OrderList {
  orders?: Order[];
  next_page_token?: string;
}

/** A page of orders, newest first. Only the first page grows by what the socket brings. */
export function useOrders(
  status: OrderFilter,
  pageSize: number,
  pageToken = "",
): Resource<OrderPage> {
  const resource = useResource<OrderPage>({
    queryKey: ["orders", "list", status, pageSize, pageToken],
    fetch: async (signal) => {
      const query = { status, page_size: pageSize, page_token: pageToken };
      const list = await request<OrderList>("GET", BASE, { query, signal });
      return { orders: list.orders ?? [], nextPageToken: list.next_page_token ?? "" };
    },
    channel: "orders",
    service: "execution",
    pollMs: POLL_MS.slow,
  });
  const pushed = useLive<Order[]>(keys.orders);
  const { data } = resource;
  const merged = useMemo(() => {
    if (!data || !pushed) return data;
    const known = new Set(data.orders.map((order) => order.id));
    const relevant = pageToken ? pushed.filter((order) => known.has(order.id)) : pushed;
    const matches = (order: Order) => status === "all" || isWorking(order) === (status === "open");
    const orders = mergeRows(data.orders, relevant, ORDER_SHAPE).filter(matches);
    return { ...data, orders: orders.slice(0, pageSize) };
  }, [data, pushed, status, pageSize, pageToken]);
  return { ...resource, data: merged };
}

/** The life of one order, oldest first. */
export function useOrderEvents(orderId: string): Resource<OrderEvent[]> {
  return useResource<OrderEvent[]>({
    queryKey: ["orders", "events", orderId],
    fetch: (signal) => fetchList(`${BASE}/${encodeURIComponent(orderId)}/events`, "events", signal),
    service: "execution",
    pollMs: POLL_MS.fast,
  });
}

/** The newest fills, newest first. */
export function useFills(pageSize: number): Resource<Fill[]> {
  const resource = useResource<Fill[]>({
    queryKey: ["orders", "fills", pageSize],
    fetch: (signal) =>
      fetchList(`${BASE}/trades/history`, "fills", signal, { page_size: pageSize }),
    channel: "orders",
    service: "execution",
    pollMs: POLL_MS.slow,
  });
  return usePushedRows(resource, keys.fills, FILL_SHAPE, pageSize);
}
