/** A peer that keeps to the profile as far as a test lets it: negotiates, does TLS, and then says exactly what it is told to. */
import type { Identity } from '../../../../src/security/identity.ts';
import { bindingHash } from '../../../../src/security/mechanisms/xtls/binding.ts';
import { commit } from '../../../../src/security/mechanisms/xtls/commitment.ts';
import { XML_STREAM, answerTo, isRefused, negotiated, newContent, readAccept, readOffer, writeContent } from '../../../../src/security/mechanisms/xtls/content.ts';
import type { Content, Mode } from '../../../../src/security/mechanisms/xtls/content.ts';
import { TlsEngine } from '../../../../src/security/mechanisms/xtls/engine.ts';
import type { Secured } from '../../../../src/security/mechanisms/xtls/engine.ts';
import { readCertificate } from '../../../../src/security/mechanisms/xtls/certificate.ts';
import { serialize } from '../../../../src/xmpp/element.ts';
import type { Element } from '../../../../src/xmpp/element.ts';
import { bareOf } from '../../../../src/xmpp/jid.ts';
import type { FullJid } from '../../../../src/xmpp/jid.ts';
import { InBandBytestreams } from '../../../../src/xmpp/xep0047-ibb.ts';
import type { IbbStream } from '../../../../src/xmpp/xep0047-ibb.ts';
import { JINGLE, Jingle, newSid } from '../../../../src/xmpp/xep0166-jingle.ts';
import type { JingleListener, JingleSession } from '../../../../src/xmpp/xep0166-jingle.ts';
import { parse } from '../../../harness/wire.ts';
import type { Endpoint, Wire } from '../../../harness/wire.ts';
import { identityOf } from './pair.ts';

export type Edit = (text: string) => string;
const asIs: Edit = (text) => text;

export class Puppet implements JingleListener {
  readonly endpoint: Endpoint;
  readonly jid: FullJid;
  readonly peer: FullJid;
  readonly jingle: Jingle;
  readonly ibb: InBandBytestreams;
  readonly identity: Identity;
  readonly commitment;
  /** What happened outside, as words. */
  readonly events: string[] = [];
  /** What was heard inside. */
  heard = '';
  session: JingleSession | undefined;
  bytes: IbbStream | undefined;
  engine: TlsEngine | undefined;
  secured: Secured | undefined;
  ours: Content | undefined;
  theirs: Content | undefined;
  role: 'initiator' | 'responder' = 'initiator';
  mode: Mode = '';
  isProfiled = true;
  editAccept: Edit = asIs;
  /** Whether TLS begins by itself once the bytestream is open. */
  doesTls = true;
  #waiters: (() => void)[] = [];

  constructor(wire: Wire, jid: FullJid, peer: FullJid, identity: Identity = identityOf(bareOf(jid))) {
    this.jid = jid;
    this.peer = peer;
    this.identity = identity;
    this.commitment = commit(identity.spki);
    this.endpoint = wire.endpoint(jid, { subscribers: [bareOf(peer)] });
    this.jingle = new Jingle(this.endpoint, () => true);
    this.ibb = new InBandBytestreams(this.endpoint);
    this.jingle.register({ description: XML_STREAM, admit: () => this });
  }

  stop(): void {
    this.engine?.destroy();
    this.bytes?.destroy();
    this.endpoint.disconnect();
  }

  note(event: string): void {
    this.events.push(event);
    this.#wake();
  }
  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
  async event(start: string): Promise<string> {
    await this.until(() => this.events.some((event) => event.startsWith(start)));
    return this.events.find((event) => event.startsWith(start))!;
  }
  async hears(text: string): Promise<void> {
    await this.until(() => this.heard.includes(text));
  }

  get security(): Pick<Content, 'profile' | 'fingerprints'> {
    const commitment = this.mode === '' ? this.commitment.text : '';
    return { profile: this.isProfiled ? { mode: this.mode, commitment, flags: new Map() } : undefined, fingerprints: [] };
  }

  // Initiator

  offer(edit: Edit = asIs, sid = newSid()): void {
    this.role = 'initiator';
    this.ours = newContent(newSid(), this.security);
    const content = parse(edit(serialize(writeContent(this.ours)).replace('<content ', `<content xmlns="${JINGLE}" `)));
    const read = readOffer(parse(`<jingle xmlns="${JINGLE}">${serialize(content)}</jingle>`));
    if (!isRefused(read)) this.ours = read;
    this.session = this.jingle.initiate(this.peer, sid, [content], this);
  }

  accepted(jingle: Element): void {
    const theirs = readAccept(jingle, this.ours!);
    if (isRefused(theirs)) throw new Error(theirs.message);
    this.theirs = theirs;
    this.note('accepted');
    this.#carry(this.ibb.connect({ peer: this.peer, sid: theirs.ibbSid, blockSize: Number(theirs.blockSize) }));
  }

  // Responder

  offered(session: JingleSession, jingle: Element): void {
    this.role = 'responder';
    this.session = session;
    const offer = readOffer(jingle);
    if (isRefused(offer)) throw new Error(offer.message);
    this.theirs = offer;
    this.mode = offer.profile?.mode ?? '';
    this.ours = answerTo(offer, this.security);
    const text = serialize(writeContent(this.ours)).replace('<content ', `<content xmlns="${JINGLE}" `);
    const edited = this.editAccept(text);
    this.note('offered');
    if (edited === '') return;
    this.#carry(this.ibb.listen({ peer: this.peer, sid: offer.ibbSid, blockSize: Number(this.ours.blockSize) }));
    session.accept([parse(edited)]);
  }

  terminated(reason: string): void {
    this.note(`terminated ${reason}`);
  }
  refused(error: Error): void {
    this.note(`refused ${error.message}`);
  }
  broken(): void {
    this.note('broken');
  }

  #carry(bytes: IbbStream): void {
    this.bytes = bytes;
    bytes.on('error', (error) => this.note(`bytes ${error.message}`));
    bytes.opened.then(
      () => {
        this.note('opened');
        if (this.doesTls) this.startTls();
      },
      () => this.note('not opened'),
    );
    bytes.once('end', () => this.note('bytes end'));
  }

  startTls(identity = this.identity): void {
    this.engine = new TlsEngine({
      transport: this.bytes!,
      role: this.role === 'initiator' ? 'client' : 'server',
      identity,
      // Whoever it is.
      judge: ({ certificate }) => ({ accepted: true, certificate: readCertificate(certificate!), key: { accepted: true, pinned: false, verifiedBy: undefined } }),
      handlers: {
        secured: (secured) => {
          this.secured = secured;
          this.note('secured');
        },
        data: (bytes) => {
          this.heard += bytes.toString();
          this.#wake();
        },
        ended: () => this.note('tls ended'),
        failed: (error) => this.note(`tls failed ${error.message}`),
      },
    });
  }

  // Inside

  say(text: string): void {
    this.engine!.write(Buffer.from(text, 'utf8'));
  }

  header(edit: Edit = asIs): string {
    return edit(`<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='${this.jid}' to='${this.peer}'>`);
  }

  get hash(): Buffer {
    const [initiator, responder] = this.role === 'initiator' ? [this.jid, this.peer] : [this.peer, this.jid];
    const [offer, accept] = this.role === 'initiator' ? [this.ours!, this.theirs!] : [this.theirs!, this.ours!];
    return bindingHash(negotiated({ initiator, responder, jingleSid: this.session!.sid }, offer, accept));
  }

  binding(edit: Edit = asIs): string {
    return edit(`<binding xmlns='urn:x-telepathy-hush:xtls:1' role='${this.role}' alg='sha-256'>${this.hash.toString('base64')}</binding>`);
  }

  reveal(edit: Edit = asIs): string {
    if (this.mode !== '' || !this.isProfiled) return '';
    return edit(`<reveal xmlns='urn:x-telepathy-hush:xtls:1'>${Buffer.from(this.commitment.salt).toString('base64')}</reveal>`);
  }

  greeting(): string {
    return this.header() + this.binding() + this.reveal() + (this.role === 'responder' ? '<stream:features/>' : '');
  }
}
