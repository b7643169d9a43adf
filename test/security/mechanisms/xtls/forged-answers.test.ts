/** Every request that a session makes, answered first by those who were not asked, with the right id; then by the one who was. RFC 6120 §8.1.2.1 */
import { expect, test } from '@jest/globals';
import { xml } from '../../../../src/xmpp/element.ts';
import type { Element } from '../../../../src/xmpp/element.ts';
import { errorElement, stanzaError } from '../../../../src/xmpp/stanza-error.ts';
import { Wire } from '../../../harness/wire.ts';
import type { Transit } from '../../../harness/wire.ts';
import { ROMEO, couple, message, secured } from './pair.ts';

const payloadOf = (stanza: Element): Element => stanza.children[0] as Element;

test('a session is begun, talked in and ended as if they had said nothing [A5]', async () => {
  const wire = new Wire();
  const { romeo, juliet } = couple(wire);
  const kinds = new Set<string>();
  let forged = 0;
  wire.filter = (transit): readonly Transit[] => {
    const { from, to, stanza } = transit;
    const { type, id } = stanza.attrs;
    if (stanza.name !== 'iq' || (type !== 'get' && type !== 'set')) return [transit];
    const { name, attrs } = payloadOf(stanza);
    kinds.add(`${from === ROMEO ? 'initiator' : 'responder'} ${name} ${attrs.action ?? ''}`.trim());
    const [asker, asked] = [from.split('/')[0]!, to.split('/')[0]!];
    const others = [asker, from, `${asker}/other`, asker.split('@')[1]!, asked, `${asked}/other`, asked.split('@')[1]!, 'mallory@example.com/x', `${to}x`, `mallory@example.com/${to}`];
    const answers = others.flatMap((one) => [
      { from: one, to: from, stanza: xml('iq', { xmlns: 'jabber:client', type: 'error', id, to: from }, errorElement(stanzaError('service-unavailable'))) },
      { from: one, to: from, stanza: xml('iq', { xmlns: 'jabber:client', type: 'result', id, to: from }) },
    ]);
    forged += answers.length;
    return [...answers, transit];
  };
  const [ours, theirs] = await secured(romeo, juliet);
  ours.send(message('But, soft!', 'm1'));
  theirs.send(message('Ay me!', 'm2'));
  await Promise.all([romeo.diary.until('delivered m1'), juliet.diary.until('delivered m2')]);
  await ours.end();
  await Promise.all([romeo.diary.until('end '), juliet.diary.until('end ')]);
  expect(romeo.diary.lines).toContain('says Ay me!');
  expect([romeo, juliet].map(({ diary }) => diary.ends.map(({ reason, error }) => [reason, error]))).toEqual([[['local', undefined]], [['clean', undefined]]]);
  expect(forged).toBeGreaterThan(100);
  expect([...kinds].sort()).toEqual(['initiator close', 'initiator data', 'initiator jingle session-initiate', 'initiator jingle session-terminate', 'initiator open', 'responder data', 'responder jingle session-accept']);
  romeo.stop();
  juliet.stop();
});
