/** What is negotiated, as Jingle content: written, and read strictly. XTLS profile §1; draft-meyer-xmpp-e2e-encryption. */
import { children, elements, hasForeignAttributes, is, text, xml } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import { JINGLE, isSid } from '../../../xmpp/xep0166-jingle.ts';
import type { Reason } from '../../../xmpp/xep0166-jingle.ts';
import type { Negotiated, Signalled } from './binding.ts';
import { isCommitment } from './commitment.ts';

/** Our namespace for what the draft leaves open. */
export const PROFILE = 'urn:x-telepathy-hush:xtls:1';
export const XTLS = 'urn:xmpp:jingle:security:xtls:0';
export const XML_STREAM = 'urn:xmpp:jingle:apps:xmlstream:0';
export const IBB_TRANSPORT = 'urn:xmpp:jingle:transports:ibb:1';

/** Bytes of a block: what we offer, and what may be offered to us. */
const BLOCK = { own: 4096, least: 256, most: 65_535 } as const;

export type Mode = '' | 'anonymous';

/** `<profile/>` of one side. */
export interface Profile {
  readonly mode: Mode;
  readonly commitment: string;
  readonly flags: ReadonlyMap<string, string>;
}

/** The content of an offer or of an accept. */
export interface Content {
  readonly creator: string;
  readonly name: string;
  readonly ibbSid: string;
  readonly blockSize: string;
  readonly methods: readonly string[];
  /** undefined = draft-only. */
  readonly profile: Profile | undefined;
  /** Of the certificate, as text: draft-only peers signal them, and nobody is to be believed for it. */
  readonly fingerprints: readonly string[];
}

/** A content that cannot be taken: the reason to end the session with. */
export type Refused = { readonly reason: Reason; readonly message: string };

export function isRefused(content: Content | Refused): content is Refused {
  return 'reason' in content;
}

/** Our own offer. */
export function newContent(ibbSid: string, security: Pick<Content, 'profile' | 'fingerprints'>): Content {
  return { creator: 'initiator', name: 'xmlstream', ibbSid, blockSize: String(BLOCK.own), methods: ['x509'], ...security };
}

/** Our answer: the same content, with what is our own to say and no larger blocks than we like. */
export function answerTo(offer: Content, security: Pick<Content, 'profile' | 'fingerprints'>): Content {
  return { ...offer, blockSize: String(Math.min(Number(offer.blockSize), BLOCK.own)), methods: ['x509'], ...security };
}

export function writeContent({ creator, name, ibbSid, blockSize, methods, profile, fingerprints }: Content): Element {
  return xml(
    'content',
    { creator, name },
    xml('description', { xmlns: XML_STREAM }),
    xml('transport', { xmlns: IBB_TRANSPORT, 'block-size': blockSize, sid: ibbSid }),
    xml(
      'security',
      { xmlns: XTLS },
      ...fingerprints.map((fingerprint) => xml('fingerprint', { algo: 'sha-256' }, fingerprint)),
      ...methods.map((method) => xml('method', { name: method })),
      profile && xml('profile', { xmlns: PROFILE, mode: profile.mode || undefined, commitment: profile.commitment || undefined }),
    ),
  );
}

/** The content of a session-initiate. */
export function readOffer(jingle: Element): Content | Refused {
  const content = readContent(jingle);
  if (isRefused(content)) return content;
  if (!isBlockSize(content.blockSize, BLOCK.most)) return refused('failed-transport', 'a block size that cannot be used');
  if (!content.methods.includes('x509')) return refused('security-error', 'no method that we have');
  return content;
}

/** The content of a session-accept that answers `offer`. Nothing but what was offered is taken. */
export function readAccept(jingle: Element, offer: Content): Content | Refused {
  const content = readContent(jingle);
  const fail = (message: string): Refused => refused('security-error', message);
  if (isRefused(content)) return fail(content.message);
  if (content.name !== offer.name || content.ibbSid !== offer.ibbSid) return fail('another content was accepted than offered');
  if (!isBlockSize(content.blockSize, Number(offer.blockSize))) return fail('another block size was accepted than offered');
  if (content.methods.length !== 1 || content.methods[0] !== 'x509') return fail('another method was accepted than offered');
  if ((content.profile === undefined) !== (offer.profile === undefined)) return fail('the profile was lost or not asked for');
  if (content.profile?.mode !== offer.profile?.mode) return fail('another mode was accepted than offered');
  return content;
}

/** What the binding covers. */
export function negotiated(ends: { initiator: FullJid; responder: FullJid; jingleSid: string }, offer: Content, accept: Content): Negotiated {
  return {
    ...ends,
    creator: offer.creator,
    contentName: offer.name,
    description: XML_STREAM,
    transport: IBB_TRANSPORT,
    ibbSid: offer.ibbSid,
    blockSize: accept.blockSize,
    mode: offer.profile?.mode ?? '',
    offer: signalled(offer),
    accept: signalled(accept),
  };
}

function signalled({ methods, profile }: Content): Signalled {
  return { methods, commitment: profile?.commitment ?? '', flags: profile?.flags ?? new Map() };
}

function readContent(jingle: Element): Content | Refused {
  const contents = children(jingle, 'content', JINGLE);
  const [content] = contents;
  const misplaced = children(jingle, 'profile', PROFILE).length > 0 || contents.some((each) => children(each, 'profile', PROFILE).length > 0);
  if (misplaced) return refused('security-error', 'a profile where none belongs');
  if (content === undefined || contents.length > 1) return refused('unsupported-applications', 'not exactly one content');
  const { creator, name, senders = 'both' } = content.attrs;
  if (creator !== 'initiator' || name === undefined || senders !== 'both') return refused('unsupported-applications', 'a content that is not as it must be');
  const named = (local: string): Element[] => elements(content).filter((element) => element.name === local);
  const [description, transport, security] = [named('description'), named('transport'), named('security')];
  if (description.length !== 1 || description[0] === undefined || !is(description[0], 'description', XML_STREAM)) return refused('unsupported-applications', 'not a stream');
  if (transport.length !== 1 || transport[0] === undefined || !is(transport[0], 'transport', IBB_TRANSPORT)) return refused('unsupported-transports', 'not an in-band bytestream');
  const { sid: ibbSid = '', 'block-size': blockSize = '', stanza = 'iq' } = transport[0].attrs;
  if (!isSid(ibbSid) || stanza !== 'iq') return refused('failed-transport', 'a bytestream that cannot be used');
  if (security.length !== 1 || security[0] === undefined || !is(security[0], 'security', XTLS)) return refused('security-error', 'no security');
  const profile = readProfile(security[0]);
  if (profile !== undefined && 'reason' in profile) return profile;
  return {
    creator,
    name,
    ibbSid,
    blockSize,
    methods: children(security[0], 'method', XTLS).map(({ attrs }) => attrs.name ?? ''),
    profile,
    fingerprints: children(security[0], 'fingerprint', XTLS).map(text),
  };
}

function readProfile(security: Element): Profile | Refused | undefined {
  const [profile, second] = children(security, 'profile', PROFILE);
  if (profile === undefined) return undefined;
  const { mode, commitment } = profile.attrs;
  const flags = Object.entries(profile.attrs).filter((entry): entry is [string, string] => entry[1] !== undefined && !['xmlns', 'mode', 'commitment'].includes(entry[0]));
  const isForm = second === undefined && profile.children.length === 0 && !hasForeignAttributes(profile) && flags.every(([name]) => !name.includes(':'));
  if (!isForm) return refused('security-error', 'a profile that is not as it must be');
  if (mode !== undefined && mode !== 'anonymous') return refused('security-error', 'an unknown mode');
  if (commitment !== undefined && (!isCommitment(commitment) || mode !== undefined)) return refused('security-error', 'a commitment that is none');
  return { mode: mode ?? '', commitment: commitment ?? '', flags: new Map(flags) };
}

/** Decimal without sign or leading zero, within what can be used. */
function isBlockSize(value: string, most: number): boolean {
  return /^[1-9]\d{0,5}$/.test(value) && Number(value) >= BLOCK.least && Number(value) <= most;
}

function refused(reason: Reason, message: string): Refused {
  return { reason, message };
}
