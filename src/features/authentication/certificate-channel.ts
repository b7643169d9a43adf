/** A ServerTLSConnection channel: a client that shows it to the user decides over a certificate. Telepathy specification, Authentication.TLSCertificate. */
import { objectPath } from '../../bus/types.ts';
import type { VariantMap } from '../../bus/types.ts';
import { conditionOf, demand, HushError } from '../../errors.ts';
import type { Condition } from '../../errors.ts';
import { BaseChannel } from '../../telepathy/base-channel.ts';
import type { BaseConnection } from '../../telepathy/base-connection.ts';
import { HandleType } from '../../telepathy/constants.ts';

const TYPE = 'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection';
const CERTIFICATE = 'org.freedesktop.Telepathy.Authentication.TLSCertificate';

/** TLS_Certificate_State (u). */
const State = { pending: 0, accepted: 1, rejected: 2 } as const;

type Rejection = [reason: number, errorName: string, details: VariantMap];

/** TLS_Certificate_Reject_Reason (u) → condition. */
const reasons: readonly Condition[] = [
  'certificate-invalid',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-not-activated',
  'certificate-fingerprint-mismatch',
  'certificate-hostname-mismatch',
  'certificate-self-signed',
  'certificate-revoked',
  'certificate-insecure',
  'certificate-limit-exceeded',
];

export interface CertificateChannelOptions {
  readonly connection: BaseConnection;
  readonly name: string;
  /** DER, the server's own first. */
  readonly chain: readonly Uint8Array[];
  readonly hostname: string;
  readonly referenceIdentities: readonly string[];
  /** Why it was not accepted without asking; the error if the client closes the channel instead of answering. */
  readonly error: HushError;
}

/** Asks; resolves when the certificate is accepted, rejects with the error of the rejection. The channel stays until the client closes it or the connection ends. */
export async function askAboutCertificate(options: CertificateChannelOptions): Promise<void> {
  const { connection, chain } = options;
  const path = objectPath(`${connection.path}/${options.name}/TLSCertificate`);
  let state: (typeof State)[keyof typeof State] = State.pending;
  let rejections: Rejection[] = [];
  let settle: (error: HushError | undefined) => void = () => undefined;
  const decided = new Promise<HushError | undefined>((resolve) => {
    settle = resolve;
  });

  const certificate = connection.exportObject(path);
  certificate.implement(CERTIFICATE, {
    methods: {
      Accept: (call) => {
        demand(state === State.pending, 'not-available', 'this certificate has been judged already');
        state = State.accepted;
        certificate.emit(CERTIFICATE, 'Accepted');
        call.afterReply(() => settle(undefined));
      },
      Reject: (call, given) => {
        demand(state === State.pending, 'not-available', 'this certificate has been judged already');
        const [first] = given;
        demand(first !== undefined && given.length <= reasons.length, 'invalid-argument', 'a rejection has between one reason and one of each kind');
        state = State.rejected;
        rejections = given;
        certificate.emit(CERTIFICATE, 'Rejected', rejections);
        call.afterReply(() => settle(rejectionError(first, options.error)));
      },
    },
    properties: {
      State: () => state,
      Rejections: () => rejections,
      CertificateType: () => 'x509',
      CertificateChainData: () => [...chain],
    },
  });
  const channel = new BaseChannel(connection, {
    name: options.name,
    type: TYPE,
    targetHandleType: HandleType.none,
    target: 0,
    targetId: '',
    requested: false,
    initiator: 0,
    onClosed: () => {
      certificate.unexport();
      settle(options.error);
    },
  });
  channel.addInterface(TYPE, {
    properties: {
      ServerCertificate: () => path,
      Hostname: () => options.hostname,
      ReferenceIdentities: () => [...options.referenceIdentities],
    },
  });
  channel.export();
  connection.requests.announce([channel]);
  const error = await decided;
  if (error !== undefined) throw error;
}

/** The reason number decides; the error name only where the number says nothing. What was wrong in the first place goes along. */
function rejectionError([reason, name, details]: Rejection, cause: HushError): HushError {
  const named = conditionOf(name);
  const fallback = named?.startsWith('certificate-') === true ? named : 'certificate-invalid';
  const isUsers = details.get('user-requested')?.value === true;
  const message = isUsers ? 'the user did not accept the certificate of the server' : 'the certificate of the server was not accepted';
  return new HushError(reason === 0 ? fallback : (reasons[reason] ?? fallback), message, { cause, details: { ...cause.details, ...(isUsers && { 'user-requested': true }) } });
}
