/** Messages by the thousand: sent in pieces as a network brings them, and what of them is shown. */
import { messageOf, names, TextChannel } from '../harness/telepathy-client.ts';
import type { TelepathyConnection } from '../harness/telepathy-client.ts';
import type { ScriptedSession } from '../harness/xmpp-server.ts';

/** The texts that each contact's channels have shown, in order. */
export function listen(connection: TelepathyConnection): { texts: Map<string, string[]>; reaches: (count: number) => Promise<void>; stop: () => void } {
  const texts = new Map<string, string[]>();
  let total = 0;
  let wake: () => void = () => undefined;
  const stop = connection.bus.subscribe({ sender: connection.busName, interface: names.messages, member: 'MessageReceived' }, ({ path, body }) => {
    if (!path.startsWith(`${connection.path}/`)) return;
    const { text, parts } = messageOf(body[0]);
    const from = parts[0]!['message-sender-id'] as string;
    texts.set(from, [...(texts.get(from) ?? []), text]);
    total += 1;
    wake();
  });
  const reaches = async (count: number): Promise<void> => {
    while (total < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { texts, reaches, stop };
}

export const message = (from: string, text: string, id = text): string => `<message from='${from}/x' type='chat' id='${id}'><body>${text}</body></message>`;

/** The same, with the wish for a receipt. */
export const asking = (stanza: string): string => stanza.replace('</message>', "<request xmlns='urn:xmpp:receipts'/></message>");

/** Not more in one write than a network would bring. */
export async function flood(session: ScriptedSession, stanzas: readonly string[]): Promise<void> {
  for (let at = 0; at < stanzas.length; at += 100) {
    session.send(stanzas.slice(at, at + 100).join(''));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function channelsOf(connection: TelepathyConnection): Promise<Map<string, TextChannel>> {
  const channels = (await connection.get(names.requests, 'Channels')) as [string, Record<string, unknown>][];
  return new Map(channels.map(([path, properties]) => [properties[`${names.channel}.TargetID`] as string, new TextChannel(connection, path)]));
}

/** Receipts that a client has given (XEP-0184). */
export function receipts(text: string): number {
  return text.split(/<received [^>]*urn:xmpp:receipts/).length - 1;
}
