/** Which mechanism, with which resource of a contact: pure choices. Contract: Channel.Interface.Securable, rule 8. */
import { HushError } from '../errors.ts';
import type { FullJid } from '../xmpp/jid.ts';
import type { Mechanism } from './mechanism.ts';

export interface Choice {
  readonly mechanism: Mechanism;
  readonly resource: FullJid;
}

export interface Options {
  /** Best first. */
  readonly mechanisms: readonly Mechanism[];
  /** The one to prefer first. */
  readonly resources: readonly FullJid[];
  /** The contact was secured before. */
  readonly wasSecured: boolean;
}

/** The mechanisms in the user's order; only those named, if any are. */
export function inOrder(mechanisms: readonly Mechanism[], order: readonly string[], names: readonly string[]): readonly Mechanism[] {
  const ordered = mechanisms.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return names.length === 0 ? ordered : ordered.filter(({ name }) => names.includes(name));
}

/** `resources`, those in `heard` moved to the front. */
export function lastHeardFirst(resources: readonly FullJid[], heard: readonly FullJid[]): readonly FullJid[] {
  return [...resources.filter((resource) => heard.includes(resource)), ...resources.filter((resource) => !heard.includes(resource))];
}

/** What begins by itself: what is known to work. With a contact who was secured before also what has to be asked first: meanwhile nothing is to leave in plaintext. */
export function byItself({ mechanisms, resources, wasSecured }: Options): Choice | undefined {
  return withAvailability(mechanisms, resources, true) ?? (wasSecured ? withAvailability(mechanisms, resources, undefined) : undefined);
}

/** What is known to work, else what is worth asking. Throws HushError: `not-implemented`, `offline`, `not-capable`, and `encryption-not-available` where the contact could once. */
export function choose({ mechanisms, resources, wasSecured }: Options): Choice {
  const choice = withAvailability(mechanisms, resources, true) ?? withAvailability(mechanisms, resources, undefined);
  if (choice !== undefined) return choice;
  if (mechanisms.length === 0) throw new HushError('not-implemented', 'no such mechanism');
  if (resources.length === 0) throw new HushError('offline', 'the contact is not there');
  if (wasSecured) throw new HushError('encryption-not-available', 'the client of the contact no longer says that it can secure conversations');
  throw new HushError('not-capable', 'the client of the contact cannot secure conversations');
}

function withAvailability(mechanisms: readonly Mechanism[], resources: readonly FullJid[], availability: boolean | undefined): Choice | undefined {
  for (const mechanism of mechanisms) {
    const resource = resources.find((candidate) => mechanism.available(candidate) === availability);
    if (resource !== undefined) return { mechanism, resource };
  }
  return undefined;
}
