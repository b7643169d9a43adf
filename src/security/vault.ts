/** A place that keeps one secret text. */

export interface Vault {
  /** Whether the place is there now; found out without waking anything. */
  isThere(): Promise<boolean>;
  /** The text, undefined where none is kept. HushError `encryption-not-available` while the place is locked, gone, or does not answer. */
  load(): Promise<string | undefined>;
  /** Keeps `text` from now on, instead of what was kept; durable when it settles. HushError as for `load`, or `resource-unavailable`. */
  store(text: string): Promise<void>;
}
