// A socket whose other end is the test.
import type { Socket } from "@/live/link";

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  /** The server takes the connection. */
  accept(): void {
    this.onopen?.();
  }

  /** The server sends a message. */
  tell(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The connection ends. */
  end(code = 1006): void {
    this.onclose?.({ code });
  }

  actions(action: string): Record<string, unknown>[] {
    return this.sent.filter((message) => message.action === action);
  }
}

/** Hands out fake sockets and remembers them. */
export class FakeServer {
  readonly sockets: FakeSocket[] = [];

  readonly open = (): FakeSocket => {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  };

  get newest(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("Nothing has been connected.");
    return socket;
  }
}
