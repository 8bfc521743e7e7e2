// The pages there are. Navigation is made from this list, so that it can hold no dead link. Each
// page is a chunk of its own: the shell with its halt button never waits for one.
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { IconName } from "@/widgets/Icon";

type Load = () => Promise<{ default: ComponentType }>;

export interface Page {
  path: string;
  title: string;
  icon: IconName;
  component: LazyExoticComponent<ComponentType>;
  /** Fetches the page's chunk; a second call costs nothing. */
  load: Load;
}

function page(path: string, title: string, icon: IconName, load: Load): Page {
  return { path, title, icon, load, component: lazy(load) };
}

export const PAGES: readonly Page[] = [
  page("/", "Overview", "overview", () => import("@/pages/overview/Overview")),
  page("/orders", "Orders", "orders", () => import("@/pages/orders/Orders")),
  page("/strategies", "Strategies", "strategies", () => import("@/pages/strategies/Strategies")),
  page("/system", "System", "system", () => import("@/pages/system/System")),
  page("/settings", "Settings", "settings", () => import("@/pages/settings/Settings")),
];

/** Begins to fetch the page at an address while the session is still being asked for. */
export function preloadPage(path: string): void {
  // A failure shows when the page is drawn, with a way to reload.
  PAGES.find((candidate) => candidate.path === path)
    ?.load()
    .catch(() => {});
}
