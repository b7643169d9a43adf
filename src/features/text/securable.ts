/** Securable on a text channel: what a conversation promises, and how a client asks for more. Channel.Interface.Securable */
import type { Implementation } from '../../bus/object.ts';
import { bool, i64, str, strv } from '../../bus/types.ts';
import type { Variant, VariantMap } from '../../bus/types.ts';
import { demand, HushError } from '../../errors.ts';
import { sorted } from '../../security/conversation.ts';
import type { Conversation } from '../../security/conversation.ts';
import { claimNames, deniabilityScope, isClaim } from '../../security/properties.ts';
import type { Claim } from '../../security/properties.ts';
import type { BaseChannel } from '../../telepathy/base-channel.ts';
import type { Account } from '../feature.ts';
import { SECURABLE } from '../text-classes.ts';

/** What a request asks for: claims that must hold, or a channel that is never secured. */
export interface SecurityRequest {
  readonly demands: ReadonlySet<Claim>;
  readonly isOff: boolean;
}

/** Reads a checked request. Throws HushError `invalid-argument` for a claim that is asked to be False, or demands beside the off switch. */
export function readSecurityRequest(properties: VariantMap): SecurityRequest {
  const demands = new Set<Claim>();
  let isOff = false;
  for (const claim of claimNames) {
    const value = properties.get(`${SECURABLE}.${claim}`)?.value;
    if (value === true) demands.add(claim);
    else if (value === false && claim === 'Encrypted') isOff = true;
    else if (value === false) throw new HushError('invalid-argument', `${claim} cannot be asked to be False`);
  }
  for (const claim of parseClaims((properties.get(`${SECURABLE}.RequiredProperties`)?.value ?? []) as readonly string[])) demands.add(claim);
  demand(!isOff || demands.size === 0, 'invalid-argument', 'a channel that is never secured can have no demands');
  return { demands, isOff };
}

function parseClaims(names: readonly string[]): Set<Claim> {
  return new Set(
    names.map((name) => {
      if (!isClaim(name)) throw new HushError('invalid-argument', `there is no property '${name.slice(0, 64)}'`);
      return name;
    }),
  );
}

type Property = keyof ReturnType<typeof valuesOf>;

/** Every property now, in the order of the contract. */
function valuesOf(account: Account, conversation: Conversation) {
  const { claims, proof, session, state, endReason, demands, facts } = conversation;
  return {
    ...(Object.fromEntries(claimNames.map((claim) => [claim, claims.has(claim)])) as Record<Claim, boolean>),
    State: state as number,
    EndReason: endReason ?? '',
    Mechanism: facts.secured ? (session?.mechanism ?? '') : '',
    AvailableMechanisms: conversation.kind === 'securable' ? account.conversations.available(conversation.peer) : [],
    RequiredProperties: sorted(demands) as string[],
    DeniabilityScope: deniabilityScope(proof) as string,
    Details: detailsOf(account, conversation),
  };
}

function detailsOf({ trust }: Account, { peer, facts, session, key }: Conversation): VariantMap {
  const details = new Map<string, Variant>();
  if (facts.secured) {
    for (const [name, value] of session?.details ?? []) details.set(name, str(value));
    if (facts.verifiedBy !== undefined) details.set('verification-method', str(facts.verifiedBy));
    const since = key && trust.verification(peer, key)?.at;
    if (since !== undefined) details.set('verified-since', i64(since));
  }
  if (trust.wasSecured(peer)) details.set('previously-secured', bool(true));
  return details;
}

/** Adds the interface to a channel that is not exported yet. Returns what tells clients of changes: to be called when something may have changed. */
export function addSecurable(channel: BaseChannel, account: Account, conversation: Conversation): () => void {
  const { conversations } = account;
  const now = (): ReturnType<typeof valuesOf> => valuesOf(account, conversation);
  let told = fingerprintOf(now());
  const property = <P extends Property>(name: P) => (): ReturnType<typeof valuesOf>[P] => now()[name];
  const claims = Object.fromEntries(claimNames.map((claim) => [claim, property(claim)])) as Record<Claim, () => boolean>;
  channel.addInterface(SECURABLE, {
    methods: {
      Secure: (call, mechanisms) => conversations.secure(conversation, { mechanisms, signal: call.signal }),
      Require: async (call, names) => {
        const demands = parseClaims(names);
        conversations.checkDemands(conversation.peer, new Set([...conversation.demands, ...demands]));
        await conversations.secure(conversation, { demands, signal: call.signal });
      },
      End: () => conversations.end(conversation),
    },
    properties: {
      ...claims,
      State: property('State'),
      EndReason: property('EndReason'),
      Mechanism: property('Mechanism'),
      AvailableMechanisms: property('AvailableMechanisms'),
      RequiredProperties: property('RequiredProperties'),
      DeniabilityScope: property('DeniabilityScope'),
      Details: property('Details'),
    },
  } satisfies Implementation<typeof SECURABLE>);
  return () => {
    if (channel.isClosed) return;
    const values = fingerprintOf(now());
    const changed = [...values].filter(([name, value]) => told.get(name) !== value).map(([name]) => name);
    told = values;
    if (changed.length > 0) channel.object.changed(SECURABLE, ...changed);
  };
}

/** Values in a form that can be compared. */
function fingerprintOf(values: ReturnType<typeof valuesOf>): Map<Property, string> {
  return new Map(
    (Object.entries(values) as [Property, unknown][]).map(([name, value]) => [
      name,
      JSON.stringify(value instanceof Map ? [...(value as VariantMap)].map(([key, variant]) => [key, String(variant.value)]) : value),
    ]),
  );
}

/** The immutable property of a channel that is announced secure, or was asked never to be. */
export function immutableSecurity({ claims, kind }: Conversation): VariantMap {
  if (claims.has('Encrypted')) return new Map([[`${SECURABLE}.Encrypted`, bool(true)]]);
  return new Map(kind === 'plain' ? [[`${SECURABLE}.Encrypted`, bool(false)]] : []);
}

/** Message headers that say under what a message was received. */
export function securityHeaders(mechanism: string, claims: ReadonlySet<Claim>): [string, Variant][] {
  return [
    ['security-mechanism', str(mechanism)],
    ['security-properties', strv(sorted(claims))],
  ];
}
