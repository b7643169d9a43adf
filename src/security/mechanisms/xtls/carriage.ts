/** What carries a session: an in-band bytestream, and TLS on it with the peer judged. XTLS profile §1, §2, §7. */
import { HushError, asHushError } from '../../../errors.ts';
import { bareOf } from '../../../xmpp/jid.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import type { IbbStream, InBandBytestreams } from '../../../xmpp/xep0047-ibb.ts';
import type { Authority } from '../../mechanism.ts';
import { TlsEngine } from './engine.ts';
import type { Secured, Shown } from './engine.ts';
import { readFingerprint } from './fingerprint.ts';
import type { Agreed } from './negotiation.ts';
import { checkPeer } from './peer-check.ts';
import type { PeerVerdict } from './peer-check.ts';

export interface CarriageHandlers {
  /** The bytestream is open and the handshake begins. */
  opened(): void;
  /** The peer was accepted; something may be written inside. Called within the handshake. */
  secured(secured: Secured): void;
  data(plaintext: Buffer): void;
  /** TLS, or the bytestream, has come to an end of its own. */
  ended(error: HushError): void;
  /** The peer does not open the bytestream, or refuses it. */
  refused(error: HushError): void;
  /** Something came that must not come, or nothing where something must. */
  broke(error: HushError): void;
}

export class Carriage {
  readonly #bytes: IbbStream;
  readonly #handlers: CarriageHandlers;
  #engine: TlsEngine | undefined;
  #isOpen = false;

  /** Opens the bytestream, or waits for the peer to do so. */
  constructor(options: { agreed: Agreed; peer: FullJid; ibb: InBandBytestreams; authority: Authority; handlers: CarriageHandlers }) {
    this.#handlers = options.handlers;
    this.#bytes = bytestream(options);
    this.#bytes.on('error', (error) => this.#failed(asHushError(error)));
    this.#bytes.once('close', () => this.#handlers.ended(new HushError('encryption-error', 'the bytestream was closed before the stream inside')));
    this.#start(options);
  }

  /** In a scope of its own: what listens to the bytestream would keep all that was agreed on for as long as it lives. */
  #start({ agreed, peer, authority }: { agreed: Agreed; peer: FullJid; authority: Authority }): void {
    this.#bytes.opened.then(
      () => this.#secure(agreed, (shown) => judge(shown, agreed, peer, authority)),
      (error: unknown) => this.#failed(asHushError(error)),
    );
  }

  /** The bytestream can still be closed in an orderly way. */
  get isOpen(): boolean {
    return this.#bytes.writable;
  }

  /** The bytestream is closed. */
  get isClosed(): boolean {
    return this.#bytes.closed;
  }

  write(plaintext: Buffer): void {
    this.#engine?.write(plaintext);
  }

  /** Writes close_notify; resolves when it is on its way. */
  async endTls(): Promise<void> {
    await this.#engine?.end();
  }

  /** Closes the bytestream once every block is answered; `ended` follows. */
  endBytes(): void {
    this.#bytes.end();
  }

  /** Ends both at once; nothing of ours leaves any more. */
  destroy(): void {
    this.#engine?.destroy();
    this.#bytes.destroy();
  }

  #secure({ role, identity }: Agreed, judgePeer: (shown: Shown) => PeerVerdict): void {
    if (this.#bytes.destroyed) return;
    const handlers = this.#handlers;
    this.#isOpen = true;
    handlers.opened();
    this.#engine = new TlsEngine({
      transport: this.#bytes,
      role: role === 'initiator' ? 'client' : 'server',
      identity,
      judge: judgePeer,
      handlers: {
        secured: (secured) => handlers.secured(secured),
        data: (plaintext) => handlers.data(plaintext),
        // Node reports a close_notify and a cut alike: only the peer's end inside tells them apart.
        ended: () => handlers.ended(new HushError('encryption-error', 'TLS ended without the end of the stream inside')),
        failed: (error) => handlers.broke(error),
      },
    });
  }

  #failed(error: HushError): void {
    const isRefused = !this.#isOpen && error.condition !== 'invalid-data' && error.condition !== 'disconnected';
    if (isRefused) this.#handlers.refused(error);
    else this.#handlers.broke(error);
  }
}

/** What the accept says, whoever has said it. */
function bytestream({ agreed: { role, ours, theirs }, peer, ibb }: { agreed: Agreed; peer: FullJid; ibb: InBandBytestreams }): IbbStream {
  const stream = { peer, sid: ours.ibbSid, blockSize: Number(role === 'initiator' ? theirs.blockSize : ours.blockSize) };
  return role === 'initiator' ? ibb.connect(stream) : ibb.listen(stream);
}

function judge(shown: Shown, { identity, ours, theirs }: Agreed, peer: FullJid, authority: Authority): PeerVerdict {
  // One that cannot be read matches nothing.
  const fingerprints = ours.profile === undefined ? theirs.fingerprints.map((text) => readFingerprint(text) ?? new Uint8Array()) : [];
  return checkPeer({
    ...shown,
    ownSpki: identity.spki,
    peer: bareOf(peer),
    isAnonymous: ours.profile?.mode === 'anonymous',
    now: new Date(),
    judgeKey: (key) => authority.judgeKey(bareOf(peer), key),
    fingerprints,
  });
}
