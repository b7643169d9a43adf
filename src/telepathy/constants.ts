/** Numbers and names of the Telepathy specification 0.27 that more than one file uses. */

export const CONNECTION_MANAGER = 'org.freedesktop.Telepathy.ConnectionManager';
export const PROTOCOL = 'org.freedesktop.Telepathy.Protocol';
export const CONNECTION = 'org.freedesktop.Telepathy.Connection';
export const CONTACTS = 'org.freedesktop.Telepathy.Connection.Interface.Contacts';
export const REQUESTS = 'org.freedesktop.Telepathy.Connection.Interface.Requests';
export const CHANNEL = 'org.freedesktop.Telepathy.Channel';
export const DESTROYABLE = 'org.freedesktop.Telepathy.Channel.Interface.Destroyable';
export const TEXT = 'org.freedesktop.Telepathy.Channel.Type.Text';
export const MESSAGES = 'org.freedesktop.Telepathy.Channel.Interface.Messages';

/** Handle_Type (u). hush has handles for contacts only. */
export const HandleType = { none: 0, contact: 1 } as const;

/** Connection_Status (u). */
export const ConnectionStatus = { connected: 0, connecting: 1, disconnected: 2 } as const;
export type ConnectionStatus = (typeof ConnectionStatus)[keyof typeof ConnectionStatus];

/** Conn_Mgr_Param_Flags (u). */
export const ParameterFlag = { required: 1, register: 2, hasDefault: 4, secret: 8, dbusProperty: 16 } as const;

/** Channel_Text_Message_Type (u). */
export const MessageType = { normal: 0, action: 1, notice: 2, autoReply: 3, deliveryReport: 4 } as const;

/** Channel_Text_Message_Flags (u), of the old Text interface. */
export const MessageFlag = { truncated: 1, nonTextContent: 2, scrollback: 4, rescued: 8 } as const;

/** Channel_Text_Send_Error (u). */
export const SendError = { unknown: 0, offline: 1, invalidContact: 2, permissionDenied: 3, tooLong: 4, notImplemented: 5 } as const;
export type SendError = (typeof SendError)[keyof typeof SendError];

/** Message_Sending_Flags (u). */
export const SendingFlag = { reportDelivery: 1, reportRead: 2, reportDeleted: 4 } as const;

/** Message_Part_Support_Flags (u). */
export const PartSupport = { oneAttachment: 1, multipleAttachments: 2 } as const;

/** Delivery_Reporting_Support_Flags (u). */
export const ReportSupport = { failures: 1, successes: 2, read: 4, deleted: 8 } as const;

/** Delivery_Status (u). */
export const DeliveryStatus = { unknown: 0, delivered: 1, temporarilyFailed: 2, permanentlyFailed: 3, accepted: 4, read: 5, deleted: 6 } as const;
export type DeliveryStatus = (typeof DeliveryStatus)[keyof typeof DeliveryStatus];

/** Channel_Chat_State (u). */
export const ChatState = { gone: 0, inactive: 1, active: 2, paused: 3, composing: 4 } as const;
export type ChatState = (typeof ChatState)[keyof typeof ChatState];
