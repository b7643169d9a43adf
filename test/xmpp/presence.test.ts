import { describe, expect, test } from '@jest/globals';
import { HushError } from '../../src/errors.ts';
import { xml } from '../../src/xmpp/element.ts';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { PresenceTracker } from '../../src/xmpp/presence.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import { TestSession, parse } from './test-session.ts';

const alice = parseBareJid('alice@home.example');

/** `roster`: contact → subscription; undefined: the list has not come. */
async function tracker(roster?: Record<string, string>) {
  const session = new TestSession();
  const contacts = new Roster(session);
  const presence = new PresenceTracker(session, contacts);
  const changes: string[] = [];
  const requests: unknown[][] = [];
  presence.events.on('changed', (jid, { available, show, status }) => changes.push(`${jid} ${available ? `+${show}` : '-'} ${status}`.trim()));
  presence.events.on('subscription', (...args) => requests.push(args.slice(0, 3)));
  const fetching = contacts.fetch();
  const request = await session.next();
  const arrive = async (list: Record<string, string>): Promise<void> => {
    session.reply(request, TestSession.rosterOf(list));
    await fetching;
  };
  if (roster !== undefined) await arrive(roster);
  return { session, contacts, presence, changes, requests, arrive };
}

const from = (jid: string, inner = '', type = ''): string => `<presence from='${jid}'${type === '' ? '' : ` type='${type}'`}>${inner}</presence>`;

describe('presence of contacts', () => {
  test('is tracked by resource, from coming to going', async () => {
    const { session, presence, changes } = await tracker({ [alice]: 'both' });
    await session.get(from(`${alice}/a`, '<show>away</show><status>lunch</status><priority>5</priority>') + from(`${alice}/b`));
    expect([...presence.of(alice).keys()]).toEqual(['a', 'b']);
    expect(presence.best(alice)).toMatchObject({ jid: `${alice}/a`, show: 'away', status: 'lunch', priority: 5, available: true });
    await session.get(from(`${alice}/a`, '<status>bye</status>', 'unavailable'));
    expect(presence.best(alice)?.jid).toBe(`${alice}/b`);
    await session.get(from(`${alice}/b`, '', 'unavailable'));
    expect(presence.best(alice)).toMatchObject({ available: false });
    expect(changes).toEqual([`${alice}/a +away lunch`, `${alice}/b +`, `${alice}/a - bye`, `${alice}/b -`]);
  });

  test('prefers priority, then openness, then what was heard last', async () => {
    const { session, presence } = await tracker({ [alice]: 'to' });
    const best = async (stanzas: string): Promise<string | undefined> => {
      await session.get(stanzas);
      return presence.best(alice)?.jid;
    };
    expect(await best(from(`${alice}/xa`, '<show>xa</show>') + from(`${alice}/dnd`, '<show>dnd</show>') + from(`${alice}/away`, '<show>away</show>'))).toBe(`${alice}/dnd`);
    expect(await best(from(`${alice}/one`))).toBe(`${alice}/one`);
    expect(await best(from(`${alice}/two`))).toBe(`${alice}/two`);
    expect(await best(from(`${alice}/one`))).toBe(`${alice}/one`);
    expect(await best(from(`${alice}/chat`, '<show>chat</show>'))).toBe(`${alice}/chat`);
    expect(await best(from(`${alice}/xa`, '<show>xa</show><priority>1</priority>'))).toBe(`${alice}/xa`);
    expect(await best(from(`${alice}/xa`, '<priority>-1</priority>'))).toBe(`${alice}/chat`);
  });

  test('ends as a whole with an unavailable bare address', async () => {
    const { session, presence } = await tracker({ [alice]: 'both' });
    await session.get(from(`${alice}/a`) + from(`${alice}/b`) + from(alice, '', 'unavailable'));
    expect(presence.of(alice).size).toBe(0);
  });

  test('may come from an address without resource', async () => {
    const { session, presence } = await tracker({ 'gateway.example': 'both' });
    await session.get(from('gateway.example'));
    expect(presence.best(parseBareJid('gateway.example'))?.available).toBe(true);
  });

  test('shows errors about the contact, not those about one resource', async () => {
    const { session, presence } = await tracker({ [alice]: 'none' });
    const error = "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    await session.get(from(`${alice}/x`, error, 'error'));
    expect(presence.best(alice)).toBeUndefined();
    await session.get(from(alice, error, 'error'));
    expect(presence.best(alice)).toMatchObject({ available: false, error: { condition: 'remote-server-not-found' } });
  });

  test('survives every odd value', async () => {
    const { session, presence } = await tracker({ [alice]: 'both' });
    const odd = '<show>party</show><show>dnd</show><priority>1e9</priority><priority/><status xml:lang="de">hallo</status><status>&#x202E;hello</status>';
    await session.get(from(`${alice}/__proto__`, odd));
    expect(presence.best(alice)).toMatchObject({ jid: `${alice}/__proto__`, show: '', priority: 0, status: 'hello' });
    await session.get(from(`${alice}/__proto__`, `<status>${'x'.repeat(100_000)}</status><priority> -128 </priority>`));
    expect(presence.best(alice)).toMatchObject({ priority: -128 });
    expect(presence.best(alice)?.status.length).toBe(1024);
    expect(presence.best(alice)?.element.children).toEqual([]);
    for (const priority of ['128', '-129', '0x7f', '']) {
      await session.get(from(`${alice}/__proto__`, `<priority>${priority}</priority>`));
      expect(presence.best(alice)?.priority).toBe(0);
    }
  });

  test('forgets the oldest of too many resources, and says so', async () => {
    const { session, presence, changes } = await tracker({ [alice]: 'both' });
    await session.get(Array.from({ length: 70 }, (_, i) => from(`${alice}/r${i}`)).join(''));
    expect(presence.of(alice).size).toBe(64);
    expect(presence.of(alice).has('r0')).toBe(false);
    expect(changes).toContain(`${alice}/r0 -`);
  });
});

describe('presence of others [A16]', () => {
  test.each([
    ['a stranger', { [alice]: 'both' }, 'mallory@evil.example/r'],
    ['a contact whom we may not see', { [alice]: 'from' }, `${alice}/r`],
    ['nobody in an empty list', {}, `${alice}/r`],
  ])('is ignored: %s', async (_, roster, jid) => {
    const { session, presence, changes } = await tracker(roster);
    await session.get(from(jid));
    expect(changes).toEqual([]);
    expect(presence.best(parseBareJid(jid.split('/')[0]!))).toBeUndefined();
  });

  test('counts once the roster names them', async () => {
    const { session, presence, changes } = await tracker({});
    await session.get(from(`${alice}/a`, '<show>away</show>'));
    expect(changes).toEqual([]);
    await session.get(`<iq type='set' id='p'>${TestSession.rosterOf({ [alice]: 'to' })}</iq>`);
    expect(changes).toEqual([`${alice}/a +away`]);
    expect(presence.best(alice)?.show).toBe('away');
  });

  test('waits for a roster that comes late: 5000 contacts, and strangers are forgotten', async () => {
    const { session, changes, arrive } = await tracker();
    const jids = Array.from({ length: 5000 }, (_, i) => `c${i}@home.example`);
    for (let at = 0; at < jids.length; at += 250) await session.get(jids.slice(at, at + 250).map((jid) => from(`${jid}/r`)).join(''));
    await session.get(from('mallory@evil.example/r'));
    expect(changes).toEqual([]);
    await arrive(Object.fromEntries(jids.map((jid) => [jid, 'both'])));
    expect(changes).toHaveLength(5000);
  });

  test('is kept of few and only in small pieces once the roster is there', async () => {
    const { session, changes } = await tracker({});
    const jids = Array.from({ length: 100 }, (_, i) => `stranger${i}@evil.example`);
    const last = jids.at(-1)!;
    await session.get(jids.map((jid) => from(`${jid}/r`)).join(''));
    await session.get(Array.from({ length: 20 }, (_, i) => from(`${last}/r${i}`)).join('') + from(`${last}/heavy`, `<status>${'x'.repeat(10_000)}</status>`));
    const name = (jid: string) => session.get(`<iq type='set' id='p'>${TestSession.rosterOf({ [jid]: 'both' })}</iq>`);
    await name(jids[0]!);
    expect(changes).toEqual([]);
    await name(jids[50]!);
    expect(changes).toEqual([`${jids[50]!}/r +`]);
    await name(last);
    expect(changes.slice(1)).toEqual(Array.from({ length: 8 }, (_, i) => `${last}/r${i + 12} +`));
  });

  test('ends when the subscription ends', async () => {
    const { session, presence, changes } = await tracker({ [alice]: 'both' });
    await session.get(from(`${alice}/a`));
    await session.get(`<iq type='set' id='p'>${TestSession.rosterOf({ [alice]: 'from' })}</iq>`);
    expect(changes).toEqual([`${alice}/a +`, `${alice}/a -`]);
    expect(presence.of(alice).size).toBe(0);
  });

  test('of our own other devices is tracked without a roster', async () => {
    const { session, presence, arrive } = await tracker();
    await session.get(from('me@home.example/phone', '<show>xa</show>'));
    expect(presence.of(session.account).get('phone')?.show).toBe('xa');
    await arrive({});
  });
});

describe('subscriptions', () => {
  test('are asked for by anyone, with bounded and clean words', async () => {
    const { session, requests } = await tracker({ [alice]: 'both' });
    await session.get(from('mallory@evil.example', `<status>\u202Ehi&#10;there${'x'.repeat(5000)}</status>`, 'subscribe') + from(`${alice}/r`, '', 'unsubscribed'));
    expect(requests).toMatchObject([['mallory@evil.example', 'subscribe', expect.stringMatching(/^hi\nthere/)], [alice, 'unsubscribed', '']]);
    expect((requests[0]![2] as string).length).toBeLessThanOrEqual(1024);
  });

  test('are not taken from ourselves', async () => {
    const { session, requests } = await tracker({});
    await session.get(from('me@home.example', '', 'subscribe') + from('me@home.example/other', '', 'subscribed') + '<presence type="subscribe"/>');
    expect(requests).toEqual([]);
  });

  test('are written as the server expects them', async () => {
    const { session, presence } = await tracker({});
    presence.subscribe(alice, 'please', xml('nick', { xmlns: 'http://jabber.org/protocol/nick' }, 'Me'));
    presence.approve(alice);
    presence.cancel(alice);
    presence.unsubscribe(alice);
    expect(session.sent.map(String)).toEqual([
      '<presence xmlns="jabber:client" to="alice@home.example" type="subscribe"><status>please</status><nick xmlns="http://jabber.org/protocol/nick">Me</nick></presence>',
      ...['subscribed', 'unsubscribed', 'unsubscribe'].map((type) => `<presence xmlns="jabber:client" to="alice@home.example" type="${type}"/>`),
    ]);
  });

  test('can be approved beforehand only where the server says so', async () => {
    const { session, presence } = await tracker({});
    expect(presence.canPreApprove).toBe(false);
    session.features = parse("<features xmlns='http://etherx.jabber.org/streams'><sub xmlns='urn:xmpp:features:pre-approval'/></features>");
    expect(presence.canPreApprove).toBe(true);
  });
});

describe('our own presence', () => {
  test('is not sent again once the stream is over, and that is no failure', async () => {
    const { session, presence } = await tracker({});
    presence.send({});
    session.send = () => {
      throw new HushError('disconnected', 'there is no stream');
    };
    expect(() => presence.refresh()).not.toThrow();
    // Whoever sends on purpose hears of it.
    expect(() => presence.send({})).toThrow('there is no stream');
  });

  test('carries what decorators add, and can be sent again', async () => {
    const { session, presence } = await tracker({});
    const undo = presence.decorate((own) => own.append(xml('c', { xmlns: 'caps' })));
    presence.refresh();
    expect(session.sent).toEqual([]);
    presence.send({ show: 'dnd', status: 'busy', priority: -3 });
    presence.refresh();
    const expected = '<presence xmlns="jabber:client"><show>dnd</show><status>busy</status><priority>-3</priority><c xmlns="caps"/></presence>';
    expect(session.sent.splice(0).map(String)).toEqual([expected, expected]);
    presence.sendDirected(alice, { show: 'away' });
    presence.sendDirectedUnavailable(alice);
    undo();
    presence.send({});
    presence.sendUnavailable('bye');
    presence.refresh();
    expect(session.sent.map(String)).toEqual([
      '<presence xmlns="jabber:client" to="alice@home.example"><show>away</show><c xmlns="caps"/></presence>',
      '<presence xmlns="jabber:client" to="alice@home.example" type="unavailable"/>',
      '<presence xmlns="jabber:client"/>',
      '<presence xmlns="jabber:client" type="unavailable"><status>bye</status></presence>',
    ]);
    expect(presence.own).toBeUndefined();
  });
});
