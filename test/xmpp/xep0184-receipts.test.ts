import { describe, expect, test } from '@jest/globals';
import { readReceipt, receipt, requestReceipt, wantsReceipt } from '../../src/xmpp/xep0184-receipts.ts';
import { chatState, readChatState } from '../../src/xmpp/xep0085-chat-states.ts';
import { parse } from './test-session.ts';

const request = String(requestReceipt());
const message = (content: string, attributes = "id='m1' type='chat'") => parse(`<message from='alice@home.example/r' ${attributes}>${content}</message>`);

describe('receipts [D6]', () => {
  test('are asked for and given', () => {
    expect(wantsReceipt(message(`<body>hi</body>${request}`))).toBe('m1');
    expect(readReceipt(message(String(receipt('m1'))))).toBe('m1');
  });

  test.each([
    ['nobody asks', '<body>hi</body>', "id='m1'"],
    ['there is no id', request, ''],
    ['the id is empty', request, "id=''"],
    ['the id is without measure', request, `id='${'x'.repeat(1000)}'`],
    ['it is an error', request, "id='m1' type='error'"],
    ['it is for a room', request, "id='m1' type='groupchat'"],
    ['it is itself a receipt', request + String(receipt('m0')), "id='m1'"],
    ['it is of another namespace', "<request xmlns='urn:xmpp:receipts:0'/>", "id='m1'"],
  ])('are not given when %s', (_, content, attributes) => {
    expect(wantsReceipt(message(content, attributes))).toBeUndefined();
  });

  test.each([
    ['an error', String(receipt('m1')), "type='error'"],
    ['without id', "<received xmlns='urn:xmpp:receipts'/>", ''],
    ['of another namespace', "<received xmlns='urn:xmpp:carbons:2' id='m1'/>", ''],
  ])('are not read from a message that is %s', (_, content, attributes) => {
    expect(readReceipt(message(content, attributes))).toBeUndefined();
  });
});

describe('chat states', () => {
  test.each(['active', 'composing', 'paused', 'inactive', 'gone'] as const)('%s is written and read', (state) => {
    expect(readChatState(message(String(chatState(state))))).toBe(state);
  });

  test.each([
    ['none', '<body/>', ''],
    ['two', String(chatState('active')) + String(chatState('gone')), ''],
    ['unknown', "<__proto__ xmlns='http://jabber.org/protocol/chatstates'/>", ''],
    ['an error', String(chatState('active')), "type='error'"],
    ['another namespace', "<active xmlns='urn:xmpp:csi:0'/>", ''],
  ])('are not read: %s', (_, content, attributes) => {
    expect(readChatState(message(content, attributes))).toBeUndefined();
  });
});
