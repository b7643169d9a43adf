import { describe, expect, test } from '@jest/globals';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { Roster } from '../../src/xmpp/roster.ts';
import type { RosterCache, RosterItem } from '../../src/xmpp/roster.ts';
import { TestSession, conditionOf, parse } from './test-session.ts';

const alice = parseBareJid('alice@home.example');
const mallory = 'mallory@evil.example';

function push(item: string, { from, id = 'p1', ver }: { from?: string; id?: string; ver?: string } = {}): string {
  const source = from === undefined ? '' : ` from='${from}'`;
  const identity = id === '' ? '' : ` id='${id}'`;
  return `<iq type='set'${identity}${source}><query xmlns='jabber:iq:roster'${ver === undefined ? '' : ` ver='${ver}'`}>${item}</query></iq>`;
}

async function fetched(items: string, cache?: RosterCache): Promise<{ session: TestSession; roster: Roster; changes: RosterItem[][] }> {
  const session = new TestSession();
  const roster = new Roster(session, cache);
  const changes: RosterItem[][] = [];
  roster.events.on('changed', (changed) => changes.push(changed));
  const fetching = roster.fetch();
  session.reply(await session.next(), `<query xmlns='jabber:iq:roster'>${items}</query>`);
  await fetching;
  return { session, roster, changes };
}

describe('the roster', () => {
  test('is fetched and told of in one event', async () => {
    const { roster, changes } = await fetched(
      "<item jid='alice@home.example' name='Alice' subscription='both' approved='true'><group>Friends</group><group>Work</group></item>" +
        "<item jid='bob@home.example' subscription='to' ask='subscribe'/><item jid='gone@home.example' subscription='remove'/>",
    );
    expect(changes).toHaveLength(1);
    expect([...roster.items.keys()]).toEqual(['alice@home.example', 'bob@home.example']);
    expect(roster.items.get(alice)).toEqual({
      jid: alice, name: 'Alice', groups: new Set(['Friends', 'Work']), subscription: 'both', ask: false, approved: true,
    });
    expect(roster.items.get(parseBareJid('bob@home.example'))).toMatchObject({ subscription: 'to', ask: true, name: '' });
  });

  test('knows who may see us and whom we may see', async () => {
    const { session, roster } = await fetched(['none', 'to', 'from', 'both'].map((s) => `<item jid='${s}@home.example' subscription='${s}'/>`).join(''));
    const jid = (name: string) => parseBareJid(`${name}@home.example`);
    expect(['none', 'to', 'from', 'both', 'stranger'].filter((name) => roster.isSubscriber(jid(name)))).toEqual(['from', 'both']);
    expect(['none', 'to', 'from', 'both', 'stranger'].filter((name) => roster.isSubscribedTo(jid(name)))).toEqual(['to', 'both']);
    expect(session.router.subscriptionOf(jid('from'))).toBe(true);
  });

  test('skips items whose address is not that of a contact', async () => {
    const { roster } = await fetched("<item jid='@@' subscription='both'/><item subscription='both'/><item jid='a@b.example/r' subscription='both'/><item jid='alice@home.example' subscription='both'/>");
    expect([...roster.items.keys()]).toEqual([alice]);
  });

  test('bounds and cleans names and groups', async () => {
    const groups = Array.from({ length: 500 }, (_, i) => `<group>g${i}</group>`).join('');
    const { roster } = await fetched(`<item jid='alice@home.example' name='  \u202Eevil\u0085&#10;${'x'.repeat(5000)}' subscription='weird'><group>__proto__</group><group> </group>${groups}</item>`);
    const item = roster.items.get(alice)!;
    expect(item.name.length).toBeLessThanOrEqual(1023);
    expect(item.name).toMatch(/^evil x+$/);
    expect(item.groups.size).toBeLessThanOrEqual(128);
    expect(item.groups.has('__proto__')).toBe(true);
    expect(item.subscription).toBe('none');
  });

  test('takes 5000 contacts in one event and in little time', async () => {
    const items = Array.from({ length: 5000 }, (_, i) => `<item jid='contact${i}@home.example' name='Contact ${i}' subscription='both'><group>All</group></item>`).join('');
    const start = performance.now();
    const { roster, changes } = await fetched(items);
    expect(roster.items.size).toBe(5000);
    expect(changes).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  test('tells of what went when it is fetched again', async () => {
    const { session, roster, changes } = await fetched("<item jid='alice@home.example'/><item jid='bob@home.example'/>");
    const again = roster.fetch();
    session.reply(await session.next(), "<query xmlns='jabber:iq:roster'><item jid='bob@home.example'/></query>");
    await again;
    expect(changes.at(-1)).toMatchObject([{ jid: alice, subscription: 'remove' }]);
    expect(roster.items.has(alice)).toBe(false);
  });
});

describe('a roster push [A3]', () => {
  const added = `<item jid='${mallory}' name='Alice' subscription='both'/>`;

  test.each([['no sender', undefined], ['our own account', 'me@home.example']])('from %s changes the roster and is answered', async (_, from) => {
    const { session, roster, changes } = await fetched('');
    const [answer] = await session.get(push(added, from === undefined ? {} : { from }));
    expect(answer?.attrs.type).toBe('result');
    expect(roster.items.get(parseBareJid(mallory))?.subscription).toBe('both');
    expect(changes).toHaveLength(1);
    await session.get(push(`<item jid='${mallory}' subscription='remove'/>`));
    expect(roster.items.size).toBe(0);
    expect(changes.at(-1)).toMatchObject([{ jid: mallory, subscription: 'remove' }]);
  });

  test.each([mallory, `${mallory}/r`, 'alice@home.example', 'alice@home.example/r', 'home.example', 'me@home.example/other', 'me@home.example/here'])(
    'from %s gets an error and changes nothing',
    async (from) => {
      const { session, roster, changes } = await fetched("<item jid='alice@home.example' subscription='both'/>");
      const before = changes.length;
      const [answer, ...more] = await session.get(push(added, { from }));
      expect(more).toEqual([]);
      expect(answer?.attrs).toMatchObject({ type: 'error', id: 'p1', to: from });
      expect(conditionOf(answer)).toBe('service-unavailable');
      expect([...roster.items.keys()]).toEqual([alice]);
      expect(changes).toHaveLength(before);
    },
  );

  test('without id is dropped', async () => {
    const { session, roster } = await fetched('');
    expect(await session.get(push(added, { id: '' }))).toEqual([]);
    expect(roster.items.size).toBe(0);
  });

  test('with none or two items is refused', async () => {
    const { session, roster } = await fetched('');
    for (const items of ['', added + "<item jid='a@b.example'/>"]) {
      const [answer] = await session.get(push(items));
      expect(conditionOf(answer)).toBe('bad-request');
    }
    expect(roster.items.size).toBe(0);
  });

  test('that says nothing new is answered and not told of', async () => {
    const { session, changes } = await fetched("<item jid='alice@home.example' subscription='both'><group>A</group></item>");
    await session.get(push("<item jid='alice@home.example' subscription='both'><group>A</group></item>"));
    expect(changes).toHaveLength(1);
  });
});

describe('the answer to the request [A4]', () => {
  test.each([mallory, 'alice@home.example', 'alice@home.example/r', 'home.example', 'me@home.example/other', 'me@home.example.evil.example', 'rooms.home.example/me'])('from %s is not taken, nor an error; the true one is', async (from) => {
    const session = new TestSession();
    const roster = new Roster(session);
    const fetching = roster.fetch();
    const request = await session.next();
    session.receive(`<iq type='result' id='${request.attrs.id}' from='${from}'>${TestSession.rosterOf({ [mallory]: 'both' })}</iq>`);
    session.receive(`<iq type='error' id='${request.attrs.id}' from='${from}'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
    session.receive(`<iq type='result' id='${request.attrs.id}' from='me@home.example'>${TestSession.rosterOf({ [alice]: 'both' })}</iq>`);
    await fetching;
    expect([...roster.items.keys()]).toEqual([alice]);
  });
});

describe('versioning', () => {
  const offer = parse('<features xmlns="http://etherx.jabber.org/streams"><ver xmlns="urn:xmpp:features:rosterver"/></features>');
  const cached: RosterItem = { jid: alice, name: 'Alice', groups: new Set(), subscription: 'both', ask: false, approved: false };

  function cacheOf(loaded: ReturnType<RosterCache['load']>): RosterCache & { saved: [string, readonly RosterItem[]][] } {
    const saved: [string, readonly RosterItem[]][] = [];
    return { saved, load: () => loaded, save: (ver, items) => saved.push([ver, items]) };
  }

  test('is not asked for where the server has none', async () => {
    const session = new TestSession();
    const roster = new Roster(session, cacheOf({ ver: 'v1', items: [cached] }));
    const fetching = roster.fetch();
    const request = await session.next();
    expect(request.children).toMatchObject([{ attrs: { xmlns: 'jabber:iq:roster' } }]);
    expect(String(request)).not.toContain('ver=');
    session.reply(request, TestSession.rosterOf({}));
    await fetching;
    expect(roster.items.size).toBe(0);
  });

  test('keeps the list we have when the server sends none, and saves what pushes change', async () => {
    const session = new TestSession();
    session.features = offer;
    const cache = cacheOf({ ver: 'v1', items: [cached] });
    const roster = new Roster(session, cache);
    const fetching = roster.fetch();
    const request = await session.next();
    expect(String(request)).toContain('ver="v1"');
    session.reply(request);
    await fetching;
    expect(roster.items.get(alice)).toEqual(cached);
    await session.get(push("<item jid='bob@home.example' subscription='to'/>", { ver: 'v2' }));
    expect(cache.saved).toMatchObject([['v2', [{ jid: alice }, { jid: 'bob@home.example' }]]]);
  });

  test('asks for everything without a list of our own', async () => {
    const session = new TestSession();
    session.features = offer;
    const cache = cacheOf(undefined);
    const roster = new Roster(session, cache);
    const fetching = roster.fetch();
    const request = await session.next();
    expect(String(request)).toContain('ver=""');
    session.reply(request, `<query xmlns='jabber:iq:roster' ver='v7'><item jid='alice@home.example' name='Alice' subscription='both'/></query>`);
    await fetching;
    expect(cache.saved).toEqual([['v7', [cached]]]);
  });
});

describe('an edit', () => {
  test('keeps what it leaves out and shows when the server has it', async () => {
    const { session, roster, changes } = await fetched("<item jid='alice@home.example' name='Alice' subscription='both'><group>Friends</group></item>");
    const renaming = roster.set(alice, { name: 'Al' });
    const request = await session.next();
    expect(String(request)).toContain('<item jid="alice@home.example" name="Al"><group>Friends</group></item>');
    expect(roster.items.get(alice)?.name).toBe('Alice');
    session.reply(request);
    await renaming;
    expect(roster.items.get(alice)).toMatchObject({ name: 'Al', subscription: 'both', groups: new Set(['Friends']) });
    expect(changes).toHaveLength(2);
  });

  test('waits for the one before, so that neither is lost', async () => {
    const { session, roster } = await fetched("<item jid='alice@home.example' subscription='both'/>");
    const both = Promise.all([roster.set(alice, { name: 'Al' }), roster.set(alice, { groups: ['Work'] })]);
    const first = await session.next();
    await session.settled();
    expect(session.sent).toEqual([]);
    session.reply(first);
    const second = await session.next();
    expect(String(second)).toContain('<item jid="alice@home.example" name="Al"><group>Work</group></item>');
    session.reply(second);
    await both;
    expect(roster.items.get(alice)).toMatchObject({ name: 'Al', groups: new Set(['Work']) });
  });

  test('that is refused changes nothing, and the next one goes on', async () => {
    const { session, roster, changes } = await fetched('');
    const refused = roster.set(alice, { name: 'Al' });
    const accepted = roster.set(alice, { name: 'Alice' });
    session.refuse(await session.next(), 'not-acceptable');
    await expect(refused).rejects.toMatchObject({ condition: 'not-available' });
    expect(changes).toEqual([]);
    session.reply(await session.next());
    await accepted;
    expect(roster.items.get(alice)).toMatchObject({ name: 'Alice', subscription: 'none' });
  });

  test('trusts a push that came meanwhile', async () => {
    const { session, roster, changes } = await fetched('');
    const adding = roster.set(alice, { name: 'Al' });
    const request = await session.next();
    await session.get(push("<item jid='alice@home.example' name='Al' subscription='to'/>"));
    session.reply(request);
    await adding;
    expect(roster.items.get(alice)?.subscription).toBe('to');
    expect(changes).toHaveLength(1);
  });

  test('removes a contact', async () => {
    const { session, roster, changes } = await fetched("<item jid='alice@home.example' subscription='both'/>");
    const removing = roster.remove(alice);
    const request = await session.next();
    expect(String(request)).toContain('<item jid="alice@home.example" subscription="remove"/>');
    session.reply(request);
    await removing;
    await session.get(push("<item jid='alice@home.example' subscription='remove'/>"));
    expect(roster.items.size).toBe(0);
    expect(changes.slice(1)).toMatchObject([[{ jid: alice, subscription: 'remove' }]]);
  });
});
