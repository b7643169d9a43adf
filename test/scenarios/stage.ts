/** What every scenario plays on: a real Prosody, a session with hush (and Mission Control), and a list of what has to be stopped. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { EventQueue } from '../harness/events.ts';
import { hushService } from '../harness/hush.ts';
import type { HushOptions } from '../harness/hush.ts';
import { MissionControl, missionControlService } from '../harness/mission-control.ts';
import type { Account, AccountParameters } from '../harness/mission-control.ts';
import { startProsody } from '../harness/prosody.ts';
import type { Prosody, ProsodyOptions } from '../harness/prosody.ts';
import { startSession } from '../harness/session.ts';
import type { Service, Session } from '../harness/session.ts';
import { SlixmppPeer } from '../harness/slixmpp-peer.ts';
import { TelepathyClient } from '../harness/telepathy-client.ts';

export class Stage {
  readonly prosody: Prosody;
  readonly session: Session;
  /** Of scripted clients and of `client`. */
  readonly events: EventQueue;
  readonly control: MissionControl;
  /** Plain D-Bus. */
  readonly client: TelepathyClient;
  readonly #owned: { stop(): Promise<void> }[] = [];

  private constructor(prosody: Prosody, session: Session) {
    this.prosody = prosody;
    this.session = session;
    this.control = new MissionControl(session);
    this.client = new TelepathyClient(session.bus);
    this.events = this.client.events;
  }

  /** `services`: beside hush and Mission Control. */
  static async open(options: { prosody?: ProsodyOptions; hush?: HushOptions; services?: readonly Service[] } = {}): Promise<Stage> {
    const prosody = await startProsody({ users: { alice: 'alice', bob: 'bob' }, ...options.prosody });
    try {
      return new Stage(prosody, await startSession([hushService({ caFile: prosody.caFile, ...options.hush }), missionControlService(), ...(options.services ?? [])]));
    } catch (error) {
      await prosody.stop();
      throw error;
    }
  }

  /** Stops it with the stage. */
  owned<T extends { stop(): Promise<void> }>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  /** The parameters of an account of the Prosody; the password is the user's name. */
  parameters(user: string): AccountParameters {
    return { account: this.prosody.jid(user), password: user, server: '127.0.0.1', port: this.prosody.port };
  }

  /** An account in Mission Control, online. */
  async account(user: string): Promise<Account> {
    const account = await this.control.add('hush/jabber', user, this.parameters(user));
    await account.request('available');
    await account.online();
    return account;
  }

  /** A slixmpp client logged in, available. */
  async peer(user: string): Promise<SlixmppPeer> {
    const peer = this.owned(await SlixmppPeer.connect(this.prosody, this.events, user, user));
    await peer.presence();
    return peer;
  }

  /** Ends everything. hush must not have complained of anything meanwhile. */
  async close(): Promise<void> {
    const log = await this.session.log('hush');
    await this.#keepLogs(log);
    for (const thing of this.#owned.splice(0).reverse()) await thing.stop();
    await this.session.stop();
    await this.prosody.stop();
    expect(complaints(log)).toEqual([]);
  }

  async #keepLogs(hush: string): Promise<void> {
    await mkdir(logFolder, { recursive: true });
    const name = (expect.getState().currentTestName ?? 'unnamed').replace(/\W+/g, '-').slice(0, 100);
    for (const [what, text] of Object.entries({ hush, prosody: this.prosody.log(), events: this.events.transcript(1_000) })) {
      await writeFile(join(logFolder, `${name}.${what}.log`), text);
    }
  }
}

/** Where the logs of the last run of every scenario are, for whoever wants to know why it failed. */
const logFolder = join(import.meta.dirname, '../../.test-output/logs');

/** Lines of hush's log of level error or fatal, and whatever is no line of the log at all: a crash. */
export function complaints(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && !/^\{"level":[1-4]0,/.test(line) && !line.includes('ExperimentalWarning'));
}
