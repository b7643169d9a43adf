/** Being online without being seen, where the server can. Source: XEP-0186 0.13.1 §3, §4. */
import { HushError } from '../errors.ts';
import { xml } from './element.ts';
import type { Session } from './session.ts';
import type { DiscoInfo } from './xep0030-disco.ts';

/** Newest first. Only the newest knows of probes. */
const versions = ['urn:xmpp:invisible:1', 'urn:xmpp:invisible:0'] as const;

export class Invisibility {
  readonly #session: Session;
  #version: (typeof versions)[number] | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether the server can; known once `learn` was called. */
  get isSupported(): boolean {
    return this.#version !== undefined;
  }

  /** Takes notice of what the server itself says it can. */
  learn(server: DiscoInfo): void {
    this.#version = versions.find((version) => server.features.has(version));
  }

  /**
   * Hides this resource until `show`. Presence sent to everyone reaches nobody meanwhile; directed presence and messages do.
   * Contacts' presence still comes: the server asks for it. Throws 'not-available' where the server cannot.
   */
  async hide(): Promise<void> {
    const version = this.#demand();
    await this.#session.iq.set(undefined, xml('invisible', { xmlns: version, probe: version === versions[0] ? 'true' : undefined }));
  }

  /** Ends `hide`. The server tells nobody: the caller sends its presence afterwards. */
  async show(): Promise<void> {
    await this.#session.iq.set(undefined, xml('visible', { xmlns: this.#demand() }));
  }

  #demand(): string {
    if (this.#version === undefined) throw new HushError('not-available', 'the server cannot hide its users');
    return this.#version;
  }
}
