/** Every error hush raises on purpose, and the one table from its conditions to D-Bus error names and disconnect reasons. */

const TELEPATHY = 'org.freedesktop.Telepathy.Error.';
const DBUS = 'org.freedesktop.DBus.Error.';
const PROXY = 'org.freedesktop.TelepathyProxy.Error.';

/** Condition → D-Bus error name. Source: Telepathy specification, section Errors; D-Bus specification for the `DBUS` ones. */
const names = {
  // What a caller did wrong, or what cannot be done for it.
  'invalid-argument': TELEPATHY + 'InvalidArgument',
  'invalid-handle': TELEPATHY + 'InvalidHandle',
  'not-available': TELEPATHY + 'NotAvailable',
  'not-implemented': TELEPATHY + 'NotImplemented',
  'not-capable': TELEPATHY + 'NotCapable',
  'not-yet': TELEPATHY + 'NotYet',
  'not-yours': TELEPATHY + 'NotYours',
  'permission-denied': TELEPATHY + 'PermissionDenied',
  'does-not-exist': TELEPATHY + 'DoesNotExist',
  offline: TELEPATHY + 'Offline',
  cancelled: TELEPATHY + 'Cancelled',
  terminated: TELEPATHY + 'Terminated',
  rejected: TELEPATHY + 'Rejected',
  busy: TELEPATHY + 'Busy',
  'service-busy': TELEPATHY + 'ServiceBusy',
  'service-confused': TELEPATHY + 'ServiceConfused',
  'resource-unavailable': TELEPATHY + 'ResourceUnavailable',
  'would-break-anonymity': TELEPATHY + 'WouldBreakAnonymity',
  confused: TELEPATHY + 'Confused',
  // Why a connection was not made, or ended.
  disconnected: TELEPATHY + 'Disconnected',
  'network-error': TELEPATHY + 'NetworkError',
  'connection-refused': TELEPATHY + 'ConnectionRefused',
  'connection-failed': TELEPATHY + 'ConnectionFailed',
  'connection-lost': TELEPATHY + 'ConnectionLost',
  'connection-replaced': TELEPATHY + 'ConnectionReplaced',
  'already-connected': TELEPATHY + 'AlreadyConnected',
  'registration-exists': TELEPATHY + 'RegistrationExists',
  'authentication-failed': TELEPATHY + 'AuthenticationFailed',
  'encryption-not-available': TELEPATHY + 'EncryptionNotAvailable',
  'encryption-error': TELEPATHY + 'EncryptionError',
  'certificate-not-provided': TELEPATHY + 'Cert.NotProvided',
  'certificate-untrusted': TELEPATHY + 'Cert.Untrusted',
  'certificate-expired': TELEPATHY + 'Cert.Expired',
  'certificate-not-activated': TELEPATHY + 'Cert.NotActivated',
  'certificate-hostname-mismatch': TELEPATHY + 'Cert.HostnameMismatch',
  'certificate-fingerprint-mismatch': TELEPATHY + 'Cert.FingerprintMismatch',
  'certificate-self-signed': TELEPATHY + 'Cert.SelfSigned',
  'certificate-revoked': TELEPATHY + 'Cert.Revoked',
  'certificate-insecure': TELEPATHY + 'Cert.Insecure',
  'certificate-limit-exceeded': TELEPATHY + 'Cert.LimitExceeded',
  'certificate-invalid': TELEPATHY + 'Cert.Invalid',
  // The bus itself.
  'name-taken': DBUS + 'AddressInUse',
  'bus-timeout': DBUS + 'NoReply',
  'bus-closed': DBUS + 'Disconnected',
  'unknown-method': DBUS + 'UnknownMethod',
  'unknown-object': DBUS + 'UnknownObject',
  'unknown-interface': DBUS + 'UnknownInterface',
  'unknown-property': DBUS + 'UnknownProperty',
  'property-read-only': DBUS + 'PropertyReadOnly',
  'invalid-args': DBUS + 'InvalidArgs',
  'limits-exceeded': DBUS + 'LimitsExceeded',
  // What the chat window of KDE Telepathy knows of what stands before a channel.
  'proxy-not-connected': PROXY + 'NotConnected',
  'proxy-encryption-error': PROXY + 'EncryptionError',
  // What a peer or server sent that cannot be used; these reach a client only inside the ones above.
  'invalid-jid': TELEPATHY + 'InvalidHandle',
  'invalid-data': TELEPATHY + 'ServiceConfused',
} as const;

export type Condition = keyof typeof names;

/** Connection_Status_Reason of the Telepathy specification (u). */
export const DisconnectReason = {
  none: 0,
  requested: 1,
  networkError: 2,
  authenticationFailed: 3,
  encryptionError: 4,
  nameInUse: 5,
  certNotProvided: 6,
  certUntrusted: 7,
  certExpired: 8,
  certNotActivated: 9,
  certHostnameMismatch: 10,
  certFingerprintMismatch: 11,
  certSelfSigned: 12,
  certOtherError: 13,
  certRevoked: 14,
  certInsecure: 15,
  certLimitExceeded: 16,
} as const;
export type DisconnectReason = (typeof DisconnectReason)[keyof typeof DisconnectReason];

const reasons: Partial<Record<Condition, DisconnectReason>> = {
  cancelled: DisconnectReason.requested,
  'network-error': DisconnectReason.networkError,
  'connection-refused': DisconnectReason.networkError,
  'connection-failed': DisconnectReason.networkError,
  'connection-lost': DisconnectReason.networkError,
  'service-confused': DisconnectReason.networkError,
  'service-busy': DisconnectReason.networkError,
  'connection-replaced': DisconnectReason.nameInUse,
  'already-connected': DisconnectReason.nameInUse,
  'registration-exists': DisconnectReason.nameInUse,
  'authentication-failed': DisconnectReason.authenticationFailed,
  'encryption-not-available': DisconnectReason.encryptionError,
  'encryption-error': DisconnectReason.encryptionError,
  'certificate-not-provided': DisconnectReason.certNotProvided,
  'certificate-untrusted': DisconnectReason.certUntrusted,
  'certificate-expired': DisconnectReason.certExpired,
  'certificate-not-activated': DisconnectReason.certNotActivated,
  'certificate-hostname-mismatch': DisconnectReason.certHostnameMismatch,
  'certificate-fingerprint-mismatch': DisconnectReason.certFingerprintMismatch,
  'certificate-self-signed': DisconnectReason.certSelfSigned,
  'certificate-revoked': DisconnectReason.certRevoked,
  'certificate-insecure': DisconnectReason.certInsecure,
  'certificate-limit-exceeded': DisconnectReason.certLimitExceeded,
  'certificate-invalid': DisconnectReason.certOtherError,
};

/** What a client may be told: `details` end in ConnectionError's details (`server-message`, `debug-message` …). */
export interface ErrorOptions {
  cause?: unknown;
  details?: Readonly<Record<string, string | number | boolean>>;
}

/** An error with a condition. `message` is for people and may reach a D-Bus client: never a key, a password, a body or a stack. */
export class HushError extends Error {
  readonly condition: Condition;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(condition: Condition, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HushError';
    this.condition = condition;
    this.details = options.details ?? {};
  }

  /** The D-Bus error name of this condition. */
  get dbusName(): string {
    return names[this.condition];
  }

  /** The Connection_Status_Reason that goes with this condition when it ends a connection. */
  get disconnectReason(): DisconnectReason {
    return reasons[this.condition] ?? DisconnectReason.none;
  }
}

/** A broken promise inside hush: logged with its stack; a D-Bus client sees only Confused. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Any thrown value as a HushError: ours unchanged, everything else as `confused` without its text. */
export function asHushError(error: unknown): HushError {
  return error instanceof HushError ? error : new HushError('confused', 'internal error', { cause: error });
}

/** The error unless `condition` holds, thrown. For input from outside. */
export function demand(holds: boolean, condition: Condition, message: string): asserts holds {
  if (!holds) throw new HushError(condition, message);
}

/** The condition that a D-Bus error name stands for; undefined for names that are not ours. */
export function conditionOf(dbusName: string): Condition | undefined {
  return (Object.keys(names) as Condition[]).find((condition) => names[condition] === dbusName);
}
