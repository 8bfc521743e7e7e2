// What jsdom lacks and the dashboard uses, in the smallest form that behaves alike.
import { afterEach, beforeEach, vi } from "vitest";
import { removeAll } from "./render";

declare global {
  var IS_REACT_ACT_ENVIRONMENT: boolean;
}

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

window.matchMedia ??= (query: string) =>
  Object.assign(new EventTarget(), { matches: false, media: query }) as MediaQueryList;

const dialog = HTMLDialogElement.prototype;
dialog.showModal ??= function showModal(this: HTMLDialogElement) {
  this.open = true;
};
dialog.close ??= function close(this: HTMLDialogElement) {
  if (!this.open) return;
  this.open = false;
  this.dispatchEvent(new Event("close"));
};

beforeEach(() => localStorage.clear());
afterEach(async () => {
  await removeAll();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});
