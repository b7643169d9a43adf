/** The states of a session and every way between them. XTLS profile §7 and §8. */
import { InvariantError } from '../../../errors.ts';
import type { SessionState } from '../../mechanism.ts';

export type XtlsState = 'idle' | 'discovering' | 'offered' | 'ringing' | 'accepted' | 'transport' | 'tls' | 'binding' | 'secure' | 'closing' | 'ended' | 'failed';
export type XtlsEvent = 'discover' | 'offer' | 'ring' | 'accept' | 'open' | 'opened' | 'handshaken' | 'bound' | 'close' | 'end' | 'fail';

/** `fail` before `secure`, `end` from then on: what was secure has ended, cleanly or not. No way leads back before `tls`. */
const table: Readonly<Record<XtlsState, Partial<Record<XtlsEvent, XtlsState>>>> = {
  idle: { discover: 'discovering', ring: 'ringing', fail: 'failed' },
  discovering: { offer: 'offered', ring: 'ringing', fail: 'failed' },
  // A crossed offer that stands against ours turns us into the responder.
  offered: { accept: 'accepted', ring: 'ringing', fail: 'failed' },
  ringing: { accept: 'accepted', fail: 'failed' },
  accepted: { open: 'transport', fail: 'failed' },
  transport: { opened: 'tls', fail: 'failed' },
  tls: { handshaken: 'binding', fail: 'failed' },
  binding: { bound: 'secure', fail: 'failed' },
  secure: { close: 'closing', end: 'ended' },
  closing: { end: 'ended' },
  ended: {},
  failed: {},
};

/** Milliseconds that a state may last; the step it stands for. `accepted` ends in the same turn. */
export const limits: Partial<Record<XtlsState, { readonly ms: number; readonly step: string }>> = {
  discovering: { ms: 10_000, step: 'asking what the contact’s client can do' },
  offered: { ms: 30_000, step: 'waiting for the contact’s client to accept' },
  ringing: { ms: 30_000, step: 'getting ready to accept' },
  transport: { ms: 15_000, step: 'opening the bytestream' },
  tls: { ms: 30_000, step: 'the TLS handshake' },
  binding: { ms: 15_000, step: 'comparing what was negotiated' },
  closing: { ms: 10_000, step: 'waiting for the contact’s client to close' },
};

/** The state after `event`. An event that is not foreseen is a broken promise inside hush. */
export function transition(state: XtlsState, event: XtlsEvent): XtlsState {
  const next = table[state][event];
  if (next === undefined) throw new InvariantError(`${event} in state ${state}`);
  return next;
}

export const xtlsStates = Object.keys(table) as readonly XtlsState[];

const shown: Readonly<Record<XtlsState, SessionState>> = {
  idle: 'discovering',
  discovering: 'discovering',
  offered: 'negotiating',
  ringing: 'negotiating',
  accepted: 'negotiating',
  transport: 'negotiating',
  tls: 'handshaking',
  binding: 'handshaking',
  secure: 'secure',
  closing: 'closing',
  ended: 'ended',
  failed: 'ended',
};

/** The state as the security core sees it. */
export function shownState(state: XtlsState): SessionState {
  return shown[state];
}

/** Whether the session counts against the limits of sessions that are not secure yet. */
export function isUnderWay(state: XtlsState): boolean {
  return shown[state] === 'negotiating' || shown[state] === 'handshaking' || state === 'discovering';
}

export function isOver(state: XtlsState): boolean {
  return shown[state] === 'ended';
}
