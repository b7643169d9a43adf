import { expect, test } from '@jest/globals';
import { SentMessages } from '../../../src/features/text/sent-messages.ts';
import { Conversation } from '../../../src/security/conversation.ts';
import { parseBareJid } from '../../../src/xmpp/jid.ts';

test('what left inside a session is not spoken of by a contact that is called like its conversation', () => {
  const sent = new SentMessages();
  const conversation = new Conversation(parseBareJid('bob@example.org'), 'securable', { opened: () => true, secured: () => undefined, sessionEnded: () => undefined, factsChanged: () => undefined });
  sent.add({ conversation, isSealed: true, id: 'm', parts: [], wantsReceipt: true });
  expect(sent.takePlain(parseBareJid(conversation.id), 'm')).toBeUndefined();
  expect(sent.takeSealed(conversation, 'm')).toMatchObject({ id: 'm' });
});
