import { describe, expect, test } from '@jest/globals';
import { parseBareJid } from '../../src/xmpp/jid.ts';
import { imageHash, imageType, maxImageBytes, readImage } from '../../src/xmpp/image.ts';
import { VCards, parseVCard } from '../../src/xmpp/xep0054-vcard.ts';
import { TestSession, parse } from './test-session.ts';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('picture')]);
const alice = parseBareJid('alice@home.example');
const card = (content: string): string => `<vCard xmlns='vcard-temp'>${content}</vCard>`;
const photo = (data: Buffer, type = 'image/png'): string => `<PHOTO><TYPE>${type}</TYPE><BINVAL>${data.toString('base64')}</BINVAL></PHOTO>`;

describe('a picture [D7]', () => {
  test.each([
    ['image/png', '89504e470d0a1a0a00'],
    ['image/jpeg', 'ffd8ffe0'],
    ['image/gif', '474946383961'],
    ['image/webp', '524946460000000057454250'],
  ])('is known by its first bytes: %s', (type, hex) => {
    expect(imageType(Buffer.from(hex, 'hex'))).toBe(type);
  });

  test.each([['text', '<svg onload="x"/>'], ['nothing', ''], ['half a signature', '\u0089PN']])('is not %s', (_, bytes) => {
    expect(imageType(Buffer.from(bytes, 'latin1'))).toBeUndefined();
    expect(readImage(Buffer.from(bytes, 'latin1').toString('base64'))).toBeUndefined();
  });

  test('may have line breaks in its base64, and nothing else', () => {
    const encoded = png.toString('base64');
    expect(readImage(`\n  ${encoded.slice(0, 10)}\r\n\t${encoded.slice(10)} `)?.data).toEqual(png);
    expect(readImage(`${encoded}!`)).toBeUndefined();
  });

  test('is taken up to its bound, and refused above it before it is decoded', () => {
    const largest = Buffer.concat([png, Buffer.alloc(maxImageBytes - png.length)]);
    expect(readImage(largest.toString('base64'))?.data.length).toBe(maxImageBytes);
    expect(readImage(Buffer.concat([largest, Buffer.alloc(1)]).toString('base64'))).toBeUndefined();
    const start = performance.now();
    expect(readImage('A'.repeat(50_000_000))).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('a card', () => {
  test('is read into fields with parameters and parts', () => {
    const read = parseVCard(parse(card(
      '<FN>Alice</FN><N><FAMILY>A</FAMILY><GIVEN>Alice</GIVEN><MIDDLE/></N><NICKNAME>al</NICKNAME>' +
        '<TEL><HOME/><CELL/><NUMBER>+1 2</NUMBER></TEL><TEL><FAX/><NUMBER/></TEL><EMAIL><INTERNET/><USERID>a@b.example</USERID></EMAIL><EMAIL>bare@b.example</EMAIL>' +
        '<ORG><ORGNAME>XSF</ORGNAME><ORGUNIT>One</ORGUNIT><ORGUNIT>Two</ORGUNIT></ORG><ADR><WORK/><LOCALITY>Denver</LOCALITY><CTRY>USA</CTRY></ADR>' +
        '<LABEL><HOME/><LINE>a</LINE><LINE>b</LINE></LABEL><GEO><LAT>1</LAT><LON>2</LON></GEO><BDAY>1966-08-06</BDAY><DESC>one\ntwo</DESC><X-THING>?</X-THING>' + photo(png, 'text/html'),
    )));
    expect(read.fields).toEqual([
      { name: 'fn', parameters: [], values: ['Alice'] },
      { name: 'n', parameters: [], values: ['A', 'Alice', '', '', ''] },
      { name: 'nickname', parameters: [], values: ['al'] },
      { name: 'tel', parameters: ['type=home', 'type=cell'], values: ['+1 2'] },
      { name: 'email', parameters: ['type=internet'], values: ['a@b.example'] },
      { name: 'email', parameters: [], values: ['bare@b.example'] },
      { name: 'org', parameters: [], values: ['XSF', 'One', 'Two'] },
      { name: 'adr', parameters: ['type=work'], values: ['', '', '', 'Denver', '', '', 'USA'] },
      { name: 'label', parameters: ['type=home'], values: ['a', 'b'] },
      { name: 'geo', parameters: [], values: ['1', '2'] },
      { name: 'bday', parameters: [], values: ['1966-08-06'] },
      { name: 'desc', parameters: [], values: ['one\ntwo'] },
    ]);
    expect(read.photo).toEqual({ type: 'image/png', data: png });
    expect(read.photoHash).toBe(imageHash(png));
  });

  test.each([
    ['an address elsewhere', '<PHOTO><EXTVAL>http://evil.example/x.png</EXTVAL></PHOTO>'],
    ['no picture', photo(Buffer.from('<script>'))],
    ['broken', '<PHOTO><BINVAL>!!!</BINVAL></PHOTO>'],
    ['empty', '<PHOTO><TYPE>image/png</TYPE><BINVAL/></PHOTO>'],
  ])('has no photo when it is %s [D7 D8]', (_, content) => {
    expect(parseVCard(parse(card(content)))).toMatchObject({ photo: undefined, photoHash: '' });
  });

  test('has a sensible size whatever was sent [D7]', () => {
    const many = parseVCard(parse(card('<FN>x</FN>'.repeat(5000))));
    expect(many.fields).toHaveLength(128);
    const long = parseVCard(parse(card(`<NOTE>${'x'.repeat(100_000)}</NOTE>`.repeat(30))));
    expect(long.fields.reduce((sum, { values }) => sum + values.join('').length, 0)).toBeLessThanOrEqual(65_536);
    const parts = parseVCard(parse(card(`<ORG>${'<ORGUNIT>u</ORGUNIT>'.repeat(5000)}</ORG>`)));
    expect(parts.fields[0]?.values).toHaveLength(17);
  });
});

describe('cards of others', () => {
  test('are asked for once however many want them, and remembered without photo', async () => {
    const session = new TestSession();
    const vcards = new VCards(session);
    const changes: string[] = [];
    vcards.events.on('changed', (owner) => changes.push(owner));
    const both = [vcards.fetch(alice), vcards.fetch(alice)];
    const request = await session.next();
    expect(request.attrs.to).toBe(alice);
    expect(session.sent).toEqual([]);
    session.reply(request, card('<FN>Alice</FN>' + photo(png)));
    const [one, two] = await Promise.all(both);
    expect(one).toBe(two);
    expect(vcards.known(alice)).toEqual([{ name: 'fn', parameters: [], values: ['Alice'] }]);
    expect(changes).toEqual([alice]);
  });

  test.each(['item-not-found', 'service-unavailable'])('are empty where there is none: %s', async (condition) => {
    const session = new TestSession();
    const fetching = new VCards(session).fetch(alice);
    session.refuse(await session.next(), condition);
    expect(await fetching).toEqual({ fields: [], photo: undefined, photoHash: '' });
  });

  test('that are not given are an error', async () => {
    const session = new TestSession();
    const vcards = new VCards(session);
    const fetching = vcards.fetch(alice);
    session.refuse(await session.next(), 'forbidden');
    await expect(fetching).rejects.toMatchObject({ condition: 'permission-denied' });
    expect(vcards.known(alice)).toBeUndefined();
  });

  test('are asked for four at a time', async () => {
    const session = new TestSession();
    const vcards = new VCards(session);
    const fetching = Promise.all(Array.from({ length: 20 }, (_, i) => vcards.fetch(parseBareJid(`c${i}@home.example`))));
    let total = 0;
    while (total < 20) {
      const request = await session.next();
      total += 1;
      expect(session.sent.length).toBeLessThan(4);
      session.reply(request, card(''));
    }
    await fetching;
  });
});

describe('our own card', () => {
  test('keeps what a change leaves out, known or not', async () => {
    const session = new TestSession();
    const vcards = new VCards(session);
    const editing = vcards.edit(({ fields }) => ({ fields: [...fields.filter(({ name }) => name !== 'fn'), { name: 'fn', parameters: [], values: ['Neu'] }, { name: 'tel', parameters: ['TYPE=Home', 'type=odd'], values: ['1'] }] }));
    const asked = await session.next();
    expect([asked.attrs.type, asked.attrs.to]).toEqual(['get', undefined]);
    session.reply(asked, card(`<FN>Alt</FN><N><FAMILY>F</FAMILY></N><X-THING a='1'><Y>z</Y></X-THING>${photo(png)}`));
    const written = await session.next();
    expect(String(written.children[0])).toBe(
      '<vCard xmlns="vcard-temp"><N><FAMILY>F</FAMILY><GIVEN/><MIDDLE/><PREFIX/><SUFFIX/></N><FN>Neu</FN><TEL><HOME/><NUMBER>1</NUMBER></TEL>' +
        `<X-THING a="1"><Y>z</Y></X-THING>${photo(png)}</vCard>`.replace("xmlns='vcard-temp'", ''),
    );
    session.reply(written);
    expect((await editing).photoHash).toBe(imageHash(png));
    expect(vcards.known(session.account)).toHaveLength(3);
  });

  test('is edited by one after the other', async () => {
    const session = new TestSession();
    const vcards = new VCards(session);
    const editing = Promise.all([vcards.edit(() => ({ photo: { type: 'image/png', data: png } })), vcards.edit(({ photo: current }) => ({ photo: current, fields: [{ name: 'url', parameters: [], values: ['x:y'] }] }))]);
    session.reply(await session.next(), card(''));
    const first = await session.next();
    expect(first.attrs.type).toBe('set');
    await session.settled();
    expect(session.sent).toEqual([]);
    session.reply(first);
    session.reply(await session.next(), card(photo(png)));
    const second = await session.next();
    expect(String(second)).toContain('<URL>x:y</URL><PHOTO>');
    session.reply(second);
    await editing;
  });

  test('refuses a field that no card has, and sends nothing', async () => {
    const session = new TestSession();
    const editing = new VCards(session).edit(() => ({ fields: [{ name: 'photo', parameters: [], values: ['x'] }] }));
    session.reply(await session.next(), card(''));
    await expect(editing).rejects.toMatchObject({ condition: 'invalid-argument' });
    expect(session.sent).toEqual([]);
  });
});
