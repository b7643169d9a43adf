/** The messages of one text channel that no handler has acknowledged yet. Telepathy specification, Channel.Type.Text, Message_ID. */
import { demand } from '../errors.ts';
import { sizeOf } from './message-parts.ts';
import type { MessageParts } from './message-parts.ts';

/** Beyond these a message is refused, and its sender told. Both are far beyond what a person leaves unread, and one reply on the bus still carries all of it. */
export const maxPending = 5000;
export const maxPendingBytes = 16 * 1024 * 1024;

const maxId = 0xffff_ffff;

export class PendingMessages {
  readonly #messages = new Map<number, { readonly parts: MessageParts; readonly bytes: number }>();
  #bytes = 0;
  #nextId: number;

  /** `firstId`: 1 .. 2³²−1 */
  constructor(firstId = 1) {
    this.#nextId = firstId;
  }

  get size(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#messages.size, bytes: this.#bytes };
  }

  /** True if a message of this size finds no place. */
  isFullFor(parts: MessageParts): boolean {
    return this.#messages.size >= maxPending || this.#bytes + sizeOf(parts) > maxPendingBytes;
  }

  /** An identifier (u, never 0) that no pending message has; all others are used before one comes again. */
  nextId(): number {
    while (this.#messages.has(this.#nextId)) this.#advance();
    const id = this.#nextId;
    this.#advance();
    return id;
  }

  add(id: number, parts: MessageParts): void {
    const bytes = sizeOf(parts);
    this.#messages.set(id, { parts, bytes });
    this.#bytes += bytes;
  }

  get(id: number): MessageParts | undefined {
    return this.#messages.get(id)?.parts;
  }

  /** Identifiers and messages, oldest first. */
  get entries(): (readonly [id: number, parts: MessageParts])[] {
    return [...this.#messages].map(([id, { parts }]) => [id, parts]);
  }

  /** Removes these messages, or none: throws HushError('invalid-argument') if one of the identifiers is unknown. */
  remove(ids: Iterable<number>): void {
    const known = new Set(ids);
    for (const id of known) demand(this.#messages.has(id), 'invalid-argument', `there is no pending message ${id}`);
    for (const id of known) {
      this.#bytes -= this.#messages.get(id)?.bytes ?? 0;
      this.#messages.delete(id);
    }
  }

  #advance(): void {
    this.#nextId = this.#nextId === maxId ? 1 : this.#nextId + 1;
  }
}
