/** Why a command failed, in words that say what to do next. Error names: Telepathy specification, section Errors, as the interfaces of hush use them. */
import { BusError } from '../bus/connection.ts';
import { conditionOf, HushError } from '../errors.ts';
import type { Condition } from '../errors.ts';

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

export function notRunning(): Failure {
  return new Failure('hush is not running', {
    next: ['It starts by itself when one of its accounts goes online: mc-tool request ACCOUNT available (mc-tool list names them), or go online in your chat program.'],
  });
}
