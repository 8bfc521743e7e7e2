// A clock whose timers fire only when the test moves it on.

interface Timer {
  id: number;
  dueAt: number;
  task: () => void;
}

export class FakeTime {
  #now = 1_000_000;
  #lastId = 0;
  #timers: Timer[] = [];

  readonly now = () => this.#now;

  readonly setTimer = (task: () => void, delayMs: number): number => {
    this.#lastId += 1;
    this.#timers.push({ id: this.#lastId, dueAt: this.#now + delayMs, task });
    return this.#lastId;
  };

  readonly clearTimer = (timer: unknown): void => {
    this.#timers = this.#timers.filter((candidate) => candidate.id !== timer);
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** Moves the clock on and fires what is due, in order of time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.dueAt <= until)
        .sort((left, right) => left.dueAt - right.dueAt || left.id - right.id)[0];
      if (!due) break;
      this.clearTimer(due.id);
      this.#now = Math.max(this.#now, due.dueAt);
      due.task();
      // Promises that a timer settled run before the next timer, as in a browser.
      await Promise.resolve();
      await Promise.resolve();
    }
    this.#now = until;
  }
}
