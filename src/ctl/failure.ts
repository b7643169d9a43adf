/** Why a command failed, in words that say what to do next. Error names: Telepathy specification, section Errors, as the interfaces of hush use them. */
import { BusError } from '../bus/connection.ts';
import { conditionOf, HushError } from '../errors.ts';
import type { Condition } from '../errors.ts';
import type { VariantMap } from '../bus/types.ts';
import { textOf } from './interfaces.ts';

/** 1: it could not be done; 2: it was not asked rightly. */
type ExitCode = 1 | 2;

export interface FailureOptions {
  /** What the person can do, a sentence each. */
  readonly next?: readonly string[];
  /** The D-Bus error, for scripts. */
  readonly errorName?: string;
  readonly exitCode?: ExitCode;
}

export class Failure extends Error {
  readonly next: readonly string[];
  readonly errorName: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, { next = [], errorName, exitCode = 1 }: FailureOptions = {}) {
    super(message);
    this.next = next;
    this.errorName = errorName;
    this.exitCode = exitCode;
  }
}

type Advice = (contact: string) => string;

/** What usually helps, by condition. `contact` is a JID, or the word CONTACT. */
const advice: Partial<Record<Condition, Advice>> = {
  'invalid-argument': () => 'Check what you typed; hushctl help COMMAND says what is expected.',
  'invalid-handle': () => 'Give the contact as name@server, without a resource.',
  'not-available': (contact) => `See what is there: hushctl status. A conversation that cannot go on is replaced by hushctl secure ${contact}.`,
  'not-implemented': () => 'No mechanism of hush gives this. Ask for fewer properties; hushctl help require lists them.',
  'not-capable': (contact) => `The client of ${contact} cannot do this: both ends need hush, or another client with the same mechanism.`,
  'not-yet': (contact) => `Verify the contact first: hushctl verify ${contact}.`,
  'permission-denied': () => 'Make the file readable for yourself.',
  'does-not-exist': (contact) => `See which keys are known: hushctl peers ${contact}.`,
  offline: (contact) => `Try again when ${contact} is online with a client that can be secured.`,
  cancelled: (contact) => `Begin anew: hushctl secure ${contact}.`,
  terminated: (contact) => `Begin anew: hushctl secure ${contact}.`,
  rejected: (contact) => `${contact} declined. Ask them, over another way, to accept.`,
  'service-busy': () => 'Wait a few minutes and try again.',
  'service-confused': () => 'Try again; if it stays so, look into the log of hush (journalctl --user -u hush).',
  confused: () => 'Look into the log of hush (journalctl --user -u hush).',
  'resource-unavailable': () => 'Check that the disk is not full and that ~/.local/share/hush belongs to you.',
  'would-break-anonymity': (contact) => `What you ask for would show your key. End the anonymous conversation first: hushctl end ${contact}.`,
  disconnected: () => 'Go online first: mc-tool request ACCOUNT available, or in your chat program.',
  'authentication-failed': () => 'The secrets are not the same. Agree on one over another way, mind capital letters, and try again.',
  'encryption-not-available': (contact) => `See what their client offers and what is demanded: hushctl status, hushctl policy ${contact}.`,
  'encryption-error': (contact) => `Try again: hushctl secure ${contact}. If it happens again, somebody may be interfering.`,
  'certificate-not-provided': (contact) => `The client of ${contact} shows no key. They must repair or update it.`,
  'certificate-fingerprint-mismatch': (contact) =>
    `Their key is not the one you know. Ask ${contact} over another way whether it is theirs. If it is: hushctl trust ${contact}; if not, somebody is in between.`,
  'certificate-hostname-mismatch': () => 'The certificate names somebody else; use one that names this JID.',
  'certificate-expired': () => 'The certificate is past its end: it must be renewed where it came from (hushctl identity renew at its owner).',
  'certificate-not-activated': () => 'The certificate is not valid yet: compare the clocks of both machines.',
  'certificate-insecure': () => 'The key is too weak to be used: another one is needed.',
  'certificate-untrusted': (contact) => `No authority you configured vouches for this key; compare it yourself: hushctl verify ${contact}.`,
  'certificate-invalid': () => 'The certificate cannot be used; another one is needed.',
  'bus-timeout': () => 'hush did not answer. Try again; if it stays so, look into its log (journalctl --user -u hush).',
  'bus-closed': () => 'The session bus is gone: log in again.',
  'unknown-object': () => 'It is gone meanwhile. See what is there: hushctl status.',
  'unknown-interface': () => 'The hush that runs is older than this hushctl: quit it and go online again.',
  'unknown-method': () => 'It is gone meanwhile, or the hush that runs is older than this hushctl. See what is there: hushctl status.',
};

const checkServer = 'Check the network, and the name of the server; where DNS does not tell it, the account has to (hushctl add --server, or the parameter server). Then try again.';
const nobodyVouches = ['the server shows a certificate that nobody vouches for', 'If you know it is right, let a chat program show it to you and accept it there, or name its authority in NODE_EXTRA_CA_CERTS (man hush).'] as const;
const checkLog = 'Try again; the log of hush says more (journalctl --user -u hush).';

/** The same for an account that did not get online, or did not stay so: why, and what helps. */
const logins: Partial<Record<Condition, readonly [reason: string, next: string]>> = {
  'authentication-failed': ['the server did not accept the login', 'Check the name and the password, then try again.'],
  'network-error': ['the server cannot be reached', checkServer],
  'connection-failed': ['the server cannot be reached', checkServer],
  'connection-refused': ['the server takes no connections', checkServer],
  'connection-lost': ['the connection to the server was lost', 'Check the network, then try again.'],
  'connection-replaced': ['another program has logged in with the same resource', 'Give each of them a resource of its own.'],
  'already-connected': ['another program is logged in with the same resource', 'Give each of them a resource of its own.'],
  'encryption-not-available': ['the server has no TLS', 'The parameter require-encryption = false goes without: then everybody on the way reads along.'],
  'encryption-error': ['TLS with the server failed', 'Check the name and the port of the server, and whether it wants TLS from the first byte on (the parameter old-ssl).'],
  'service-busy': ['the server is busy', 'Try again later.'],
  cancelled: ['the login was given up', 'Try again.'],
  'certificate-expired': ['the certificate of the server is past its end', 'Its owner has to renew it. If you know it is right, let a chat program show it to you and accept it there.'],
  'certificate-not-activated': ['the certificate of the server is not valid yet', 'Compare the clocks of both machines.'],
  'certificate-hostname-mismatch': ['the certificate of the server names another host', 'If you know it is right, put that name into the parameter extra-certificate-identities, or let a chat program show it to you and accept it there.'],
  'certificate-untrusted': nobodyVouches,
  'certificate-self-signed': nobodyVouches,
  // How Mission Control calls it when the process has gone.
  'bus-timeout': ['hush has ended unexpectedly', checkLog],
};

/** Names by which the bus says that nobody is there to answer. */
const absences = ['org.freedesktop.DBus.Error.ServiceUnknown', 'org.freedesktop.DBus.Error.NameHasNoOwner'];

/** Whether it failed because the object or its program is gone. */
export function isAbsence(error: unknown): boolean {
  if (!(error instanceof BusError)) return false;
  const condition = conditionOf(error.name);
  return absences.includes(error.name) || condition === 'unknown-object' || condition === 'unknown-method';
}

/** Whether a service answered with this condition. */
export function isCondition(error: unknown, condition: Condition): boolean {
  return error instanceof BusError && conditionOf(error.name) === condition;
}

/** Anything thrown as a failure with a next step. */
export function failureOf(error: unknown, contact = 'CONTACT'): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof BusError) {
    if (absences.includes(error.name)) return notRunning();
    return remoteFailure(error.name, error.message, contact);
  }
  if (error instanceof HushError) return remoteFailure(error.dbusName, error.message, contact);
  return new Failure(error instanceof Error ? error.message : 'it does not work', { next: ['This is a fault of hushctl: please report it.'] });
}

/** What a D-Bus error says, with the usual advice. */
export function remoteFailure(errorName: string, message: string, contact: string): Failure {
  const condition = conditionOf(errorName);
  const help = condition === undefined ? undefined : advice[condition]?.(contact);
  const text = message === '' ? errorName.replace(/^.*\.Error\./, '') : message;
  return new Failure(text, { errorName, next: help === undefined ? [] : [help] });
}

/** Why an account is not online. */
export interface LoginFailure {
  readonly reason: string;
  /** The D-Bus error. */
  readonly error: string;
  readonly next: readonly string[];
}

export interface LoginOptions {
  /** The password is not kept: a chat program has to ask for it. */
  readonly isAsked: boolean;
}

/** What ConnectionError says, in words. `details`: those that came with it. */
export function loginFailure(errorName: string, details: VariantMap, { isAsked }: LoginOptions): LoginFailure {
  const kind = errorName.replace(/^.*\.Error\./, '');
  const condition = conditionOf(errorName);
  const known = condition === undefined ? undefined : logins[condition];
  const [reason, next] = known ?? (kind.startsWith('Cert.') ? ['the certificate of the server cannot be accepted', 'Its owner has to put another one in its place; the log of hush says more (journalctl --user -u hush).'] : [kind, checkLog]);
  const more = textOf(details, 'server-message') || textOf(details, 'debug-message');
  return {
    reason: more === '' ? reason : `${reason}: ${more}`,
    error: errorName,
    next: [condition === 'authentication-failed' && isAsked ? 'Start the chat program that is to ask for the password, then try again.' : next],
  };
}

export function notRunning(): Failure {
  return new Failure('hush is not running', {
    next: ['It starts by itself when one of its accounts goes online: mc-tool request ACCOUNT available (mc-tool list names them), or go online in your chat program.'],
  });
}
