/** What became of a message that was sent, as a message to the sender's client. Telepathy specification, Channel.Interface.Messages, Delivery_Report_Header_Key. */
import { str, u32, Variant } from '../bus/types.ts';
import type { Condition, HushError } from '../errors.ts';
import { DeliveryStatus, MessageType, SendError } from './constants.ts';
import type { Handle } from './handles.ts';
import type { MessagePart, MessageParts } from './message-parts.ts';

export interface DeliveryReport {
  readonly status: 'delivered' | 'temporarily-failed' | 'permanently-failed' | 'accepted' | 'read';
  /** Token of the message it is about, if that is known. */
  readonly token?: string | undefined;
  /** `message-sender` of the report: to whom the message was sent, whoever reports. 0 if unknown. */
  readonly sender: Handle;
  /** The message itself, if there is a copy. */
  readonly echo?: MessageParts | undefined;
  /** Why it failed; only with a failure. */
  readonly error?: HushError | undefined;
}

const statuses: Readonly<Record<DeliveryReport['status'], DeliveryStatus>> = {
  delivered: DeliveryStatus.delivered,
  'temporarily-failed': DeliveryStatus.temporarilyFailed,
  'permanently-failed': DeliveryStatus.permanentlyFailed,
  accepted: DeliveryStatus.accepted,
  read: DeliveryStatus.read,
};

/** The nearest of the few errors that the old API knows. */
const sendErrors: Partial<Record<Condition, SendError>> = {
  offline: SendError.offline,
  'invalid-handle': SendError.invalidContact,
  'invalid-jid': SendError.invalidContact,
  'does-not-exist': SendError.invalidContact,
  'permission-denied': SendError.permissionDenied,
  'limits-exceeded': SendError.tooLong,
  'not-implemented': SendError.notImplemented,
  'not-capable': SendError.notImplemented,
};

export function isFailure({ status }: DeliveryReport): boolean {
  return status === 'temporarily-failed' || status === 'permanently-failed';
}

export function sendErrorOf({ error }: DeliveryReport): SendError {
  return (error && sendErrors[error.condition]) ?? SendError.unknown;
}

export function reportParts(report: DeliveryReport): MessageParts {
  const { token, sender, echo, error } = report;
  const header: MessagePart = new Map([
    ['message-type', u32(MessageType.deliveryReport)],
    ['message-sender', u32(sender)],
    ['delivery-status', u32(statuses[report.status])],
  ]);
  if (token !== undefined && token !== '') header.set('delivery-token', str(token));
  if (echo !== undefined) header.set('delivery-echo', new Variant('aa{sv}', echo));
  if (error !== undefined && isFailure(report)) {
    const sendError = sendErrorOf(report);
    if (sendError !== SendError.unknown) header.set('delivery-error', u32(sendError));
    header.set('delivery-dbus-error', str(error.dbusName));
    header.set('delivery-error-message', str(error.message));
  }
  return [header];
}
