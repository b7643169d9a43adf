/** Notices a connection that is gone without a word, and keeps one alive that would be forgotten on the way. Source: RFC 6120 §4.6. */

export interface KeepaliveOptions {
  /** Seconds of silence before the server is asked for a sign of life; 0: never. */
  readonly seconds: number;
  /** When bytes last came in, on the clock of performance.now(). */
  lastReceived(): number;
  /** Whether nothing is read at the moment by our own will. */
  isPaused(): boolean;
  /** Sends something that must be answered. */
  probe(): void;
  /** No answer came. */
  dead(): void;
}

/** Milliseconds for the answer at most; less where the silence allowed is shorter. */
const maxAnswerMs = 20_000;

/** One timer for one connection. */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #silenceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #probedAt: number | undefined;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#silenceMs = options.seconds * 1_000;
    if (this.#silenceMs > 0) this.#wait(this.#silenceMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    const lastReceived = this.#options.lastReceived();
    const silence = performance.now() - lastReceived;
    if (this.#options.isPaused()) {
      this.#probedAt = undefined;
      this.#wait(this.#silenceMs);
    } else if (this.#probedAt !== undefined && lastReceived < this.#probedAt) {
      this.#judge();
    } else if (silence < this.#silenceMs) {
      this.#probedAt = undefined;
      this.#wait(this.#silenceMs - silence);
    } else {
      this.#probedAt = performance.now();
      this.#options.probe();
      this.#wait(Math.min(this.#silenceMs, maxAnswerMs));
    }
  }

  /** After a pause of the whole process the answer may lie unread: the event loop reads before it comes back here. */
  #judge(): void {
    const probedAt = this.#probedAt ?? 0;
    this.#timer = setTimeout(() => {
      if (this.#options.lastReceived() >= probedAt) this.#check();
      else this.#options.dead();
    }, 10);
  }
}
