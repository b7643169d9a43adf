/** Tells the server whether somebody is looking, so that it can hold back what can wait. Source: XEP-0352 1.0.0. */
import { child, xml } from './element.ts';
import type { XmppClient } from './client.ts';

const CSI = 'urn:xmpp:csi:0';

/** A stream begins active; after resuming the server is told again. Does nothing where the server does not offer it. */
export class ClientStateIndication {
  readonly #client: XmppClient;
  #isActive = true;

  constructor(client: XmppClient) {
    this.#client = client;
    client.events.on('resumed', () => {
      if (!this.#isActive) this.#tell();
    });
  }

  /** Takes effect at once on a live stream, otherwise when it is back. */
  setClientActive(isActive: boolean): void {
    if (isActive === this.#isActive) return;
    this.#isActive = isActive;
    this.#tell();
  }

  /** Whether the server of the live stream offers it. */
  get isSupported(): boolean {
    const features = this.#client.serverFeatures();
    return features !== undefined && child(features, 'csi', CSI) !== undefined;
  }

  #tell(): void {
    if (!this.isSupported) return;
    this.#client.sendNonza(xml(this.#isActive ? 'active' : 'inactive', { xmlns: CSI }));
  }
}
