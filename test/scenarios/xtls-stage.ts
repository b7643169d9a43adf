/** hush and ends of XTLS that are not ours, contacts of each other on a real Prosody; everything that happens is in one queue. */
import { expect } from '@jest/globals';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody } from '../harness/prosody.ts';
import { names, TextChannel, variants } from '../harness/telepathy-client.ts';
import type { EventQueue, HarnessEvent, Pattern } from '../harness/events.ts';
import { XtlsPeer } from '../harness/xtls-peer.ts';
import type { AnswerOptions, Secured } from '../harness/xtls-peer.ts';
import { Person } from './people.ts';

export type Announced = 'profile' | 'draft' | 'nothing';

export class XtlsStage {
  readonly prosody: Prosody;
  readonly hush: Person;
  /** hush's full JID, as others see it. */
  readonly jid: string;
  readonly peers: readonly XtlsPeer[];

  private constructor(prosody: Prosody, hush: Person, jid: string, peers: readonly XtlsPeer[]) {
    this.prosody = prosody;
    this.hush = hush;
    this.jid = jid;
    this.peers = peers;
  }

  /** `others`: their names, and what their clients announce. None of the rest is online yet: `contacts` of hush's, `accounts` for more of hush, who know the others, `strangers`. */
  static async open(
    others: Readonly<Record<string, Announced>>, { contacts = [], accounts = [], strangers = [] }: { contacts?: string[]; accounts?: string[]; strangers?: string[] } = {},
  ): Promise<XtlsStage> {
    const users = ['alice', ...Object.keys(others), ...contacts, ...accounts, ...strangers];
    const prosody = await startProsody({ users: Object.fromEntries(users.map((user) => [user, user])) });
    const known = [...Object.keys(others), ...contacts];
    for (const own of ['alice', ...accounts]) await prosody.presetRoster(own, known.map((user) => ({ jid: prosody.jid(user) })));
    for (const user of known) await prosody.presetRoster(user, ['alice', ...accounts].map((own) => ({ jid: prosody.jid(own) })));
    const hush = await Person.arrive('alice', prosody);
    const { events } = hush.client;
    const peers = await Promise.all(Object.keys(others).map((user) => XtlsPeer.connect(prosody, events, user, user)));
    let jid = '';
    for (const peer of peers) {
      await peer.presence(others[peer.name]);
      const seen = await events.expect({ source: peer.name, name: 'presence', type: 'available', from: (from: string) => from.startsWith(`${hush.jid}/`) });
      jid = seen['from'] as string;
    }
    await hush.hasIdentity();
    events.forbid({ name: 'error' });
    // Whatever goes on, no word of a conversation is ever said outside.
    events.forbid({ name: 'plaintext' });
    return new XtlsStage(prosody, hush, jid, peers);
  }

  get events(): EventQueue {
    return this.hush.client.events;
  }

  /** Asks hush for a channel that proves these claims, with a peer. */
  async channel(peer: XtlsPeer, ...claims: string[]): Promise<TextChannel> {
    const demands = Object.fromEntries(['Encrypted', ...claims].map((claim) => [`${names.securable}.${claim}`, true]));
    const request = variants({ [`${names.channel}.ChannelType`]: names.text, [`${names.channel}.TargetHandleType`]: 1, [`${names.channel}.TargetID`]: peer.bareJid, ...demands });
    const [, path] = await this.hush.connection.call(names.requests, 'EnsureChannel', request);
    return new TextChannel(this.hush.connection, path as string);
  }

  /** A session that hush starts, secure at both ends. */
  async started(peer: XtlsPeer, answer: AnswerOptions = {}, ...claims: string[]): Promise<{ sid: string; channel: TextChannel; secure: Secured }> {
    await peer.accept(answer);
    const channel = await this.channel(peer, ...claims);
    // Not one of before: hush revives by itself what can be revived.
    const isAlive = (sid: string): boolean => this.events.all({ source: peer.name, name: 'ended', sid }).length === 0;
    const secure = await this.events.expect<Secured>({ source: peer.name, name: 'secure', sid: isAlive });
    return { sid: secure.sid, channel, secure };
  }

  /** A session that the peer starts, and the channel that its first message opens. */
  async met(peer: XtlsPeer, options: Parameters<XtlsPeer['offer']>[1] = {}): Promise<{ sid: string; channel: TextChannel; secure: Secured }> {
    const sid = await peer.offer(this.jid, options);
    const secure = await this.events.expect<Secured>({ source: peer.name, name: 'secure', sid });
    const of = await peer.message(sid, 'it is me');
    const [message] = (await this.events.expectMany([{ source: 'bus', name: 'MessageReceived' }, { source: peer.name, name: 'receipt', of }])) as [HarnessEvent, HarnessEvent];
    return { sid, channel: new TextChannel(this.hush.connection, message['path'] as string), secure };
  }

  /** Closes every conversation with peers of the stage, and forgets that it knew them. */
  async clear(): Promise<void> {
    for (const channel of await this.channels()) await channel.call(names.destroyable, 'Destroy');
    for (const peer of this.peers) await this.hush.connection.call(names.security, 'ForgetPeer', peer.bareJid);
  }

  /** hush's channels with peers of the stage. */
  async channels(): Promise<TextChannel[]> {
    const channels = (await this.hush.connection.get(names.requests, 'Channels')) as [string, Record<string, unknown>][];
    const targets = new Set<unknown>(this.peers.map(({ bareJid }) => bareJid));
    return channels.filter(([, properties]) => targets.has(properties[`${names.channel}.TargetID`])).map(([path]) => new TextChannel(this.hush.connection, path));
  }

  /** While `work` is going on nothing may happen that matches. */
  async without<Result>(patterns: readonly Pattern[], work: () => Promise<Result>): Promise<Result> {
    const allow = patterns.map((pattern) => this.events.forbid(pattern));
    try {
      const result = await work();
      await this.events.sync();
      return result;
    } finally {
      for (const each of allow) each();
    }
  }

  /** What the peers saw hush do that it should not, though it is tolerated. */
  deviations(): HarnessEvent[] {
    return this.events.all({ name: 'deviation' });
  }

  async close(): Promise<void> {
    for (const peer of this.peers) await peer.stop();
    await this.hush.leave();
    await this.prosody.stop();
  }
}

export async function ended(channel: TextChannel): Promise<{ reason: unknown; error: string }> {
  const { State, EndReason, Encrypted } = await channel.getAll(names.securable);
  expect({ State, Encrypted }).toEqual({ State: 3, Encrypted: true });
  return { reason: EndReason, error: await channel.send('into the void').then(() => 'sent', (error: unknown) => (error as Error).name) };
}
