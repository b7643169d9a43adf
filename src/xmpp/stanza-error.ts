/** Stanza errors: read from what a peer sent, written into what we answer. Source: RFC 6120 §8.3. */
import { HushError } from '../errors.ts';
import type { Condition } from '../errors.ts';
import { child, childText, elements, namespaceOf, ns, xml } from './element.ts';
import type { Element } from './element.ts';

export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

/** RFC 6120 §8.3.3: every defined condition, with the type it is usually sent with and what it means to our callers. */
const conditions = {
  'bad-request': ['modify', 'invalid-argument'],
  conflict: ['cancel', 'not-available'],
  'feature-not-implemented': ['cancel', 'not-available'],
  forbidden: ['auth', 'permission-denied'],
  gone: ['cancel', 'does-not-exist'],
  'internal-server-error': ['cancel', 'service-confused'],
  'item-not-found': ['cancel', 'does-not-exist'],
  'jid-malformed': ['modify', 'invalid-handle'],
  'not-acceptable': ['modify', 'not-available'],
  'not-allowed': ['cancel', 'permission-denied'],
  'not-authorized': ['auth', 'permission-denied'],
  'policy-violation': ['modify', 'permission-denied'],
  'recipient-unavailable': ['wait', 'offline'],
  redirect: ['modify', 'not-available'],
  'registration-required': ['auth', 'permission-denied'],
  'remote-server-not-found': ['cancel', 'does-not-exist'],
  'remote-server-timeout': ['wait', 'network-error'],
  'resource-constraint': ['wait', 'service-busy'],
  'service-unavailable': ['cancel', 'not-available'],
  'subscription-required': ['auth', 'permission-denied'],
  'undefined-condition': ['cancel', 'not-available'],
  'unexpected-request': ['wait', 'not-available'],
} as const satisfies Record<string, readonly [StanzaErrorType, Condition]>;

export type StanzaCondition = keyof typeof conditions;

const types: ReadonlySet<string> = new Set<StanzaErrorType>(['auth', 'cancel', 'continue', 'modify', 'wait']);

/** Human text of a peer that is kept, in UTF-16 units; the rest is cut. */
const maxText = 1024;

export interface StanzaError {
  readonly condition: StanzaCondition;
  readonly type: StanzaErrorType;
  /** For people; from the peer, at most 1024 characters. */
  readonly text?: string;
  /** The application-specific condition beside the defined one. RFC 6120 §8.3.4 */
  readonly application?: { readonly name: string; readonly ns: string };
}

function isCondition(name: string): name is StanzaCondition {
  return Object.hasOwn(conditions, name);
}

function isType(type: string | undefined): type is StanzaErrorType {
  return type !== undefined && types.has(type);
}

/** A stanza error with the type its condition is usually sent with. */
export function stanzaError(condition: StanzaCondition, application?: StanzaError['application']): StanzaError {
  return { condition, type: conditions[condition][0], ...(application && { application }) };
}

/** The error inside a stanza of type 'error'. Total: whatever is missing or unknown becomes `undefined-condition` and that condition's usual type. */
export function errorOf(stanza: Element): StanzaError {
  const error = child(stanza, 'error', namespaceOf(stanza));
  if (error === undefined) return stanzaError('undefined-condition');
  const parts = elements(error);
  const name = parts.find((part) => namespaceOf(part) === ns.stanzaErrors && part.name !== 'text')?.name ?? '';
  const condition = isCondition(name) ? name : 'undefined-condition';
  const type = isType(error.attrs.type) ? error.attrs.type : conditions[condition][0];
  const words = childText(error, 'text', ns.stanzaErrors)?.slice(0, maxText).replace(/[\uD800-\uDBFF]$/u, '');
  const application = parts.find((part) => namespaceOf(part) !== ns.stanzaErrors);
  return {
    condition,
    type,
    ...(words !== undefined && words !== '' && { text: words }),
    ...(application && { application: { name: application.name, ns: namespaceOf(application) } }),
  };
}

/** The `<error/>` element of an answer. */
export function errorElement(error: StanzaError): Element {
  return xml(
    'error',
    { type: error.type },
    xml(error.condition, { xmlns: ns.stanzaErrors }),
    error.text === undefined ? undefined : xml('text', { xmlns: ns.stanzaErrors }, error.text),
    error.application && xml(error.application.name, { xmlns: error.application.ns }),
  );
}

/** An error answer to an iq: rejects our requests, and thrown by a handler becomes the answer to the peer's. */
export class StanzaErrorReply extends HushError {
  readonly stanzaError: StanzaError;

  constructor(error: StanzaError) {
    super(conditions[error.condition][1], error.text === undefined ? error.condition : `${error.condition}: ${error.text}`, {
      details: { 'debug-message': error.condition, ...(error.text !== undefined && { 'server-message': error.text }) },
    });
    this.name = 'StanzaErrorReply';
    this.stanzaError = error;
  }
}

/** Our conditions that a peer may be told more about than "it did not work". */
const answers: Partial<Record<Condition, StanzaCondition>> = {
  'invalid-argument': 'bad-request',
  'invalid-data': 'bad-request',
  'invalid-jid': 'jid-malformed',
  'does-not-exist': 'item-not-found',
  'permission-denied': 'forbidden',
  'not-implemented': 'feature-not-implemented',
  'not-available': 'service-unavailable',
  busy: 'resource-constraint',
  'service-busy': 'resource-constraint',
};

/** What a peer is told when a handler threw `error`: the stanza error it carries, its condition without its text, or internal-server-error. */
export function answerTo(error: unknown): StanzaError {
  if (error instanceof StanzaErrorReply) return error.stanzaError;
  return stanzaError((error instanceof HushError ? answers[error.condition] : undefined) ?? 'internal-server-error');
}
