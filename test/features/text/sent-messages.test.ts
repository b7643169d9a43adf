import { expect, test } from '@jest/globals';
import { SentMessages } from '../../../src/features/text/sent-messages.ts';
import type { Conversation } from '../../../src/security/conversation.ts';

test('what left inside a session is not spoken of by a contact that is called like its conversation', () => {
  const sent = new SentMessages();
  const conversation = { id: 'conversation-1', peer: 'bob@example.org' } as Conversation;
  sent.add({ conversation, isSealed: true, id: 'm', parts: [], wantsReceipt: true });
  expect(sent.takePlain('conversation-1', 'm')).toBeUndefined();
  expect(sent.takeSealed(conversation, 'm')).toMatchObject({ id: 'm' });
});
