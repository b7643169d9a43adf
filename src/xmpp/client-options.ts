/** What a stream is made from, and what it tells. */
import type { HushError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Element } from './element.ts';
import type { BareJid } from './jid.ts';
import type { CertificateProblem } from './login.ts';
import type { Credential, CredentialRequest, MechanismMemory } from './sasl.ts';
import type { Authorities, ClientCertificate } from './socket.ts';
import type { ResolveSrv } from './srv.ts';

export interface ClientOptions {
  readonly account: BareJid;
  /** Wanted resource; otherwise the server chooses. */
  readonly resource?: string;
  /** Host to connect to. With it, `port` or `directTls` no SRV record is looked up. */
  readonly server?: string;
  readonly port?: number;
  /** Tried after all others, "host:port" with ",starttls" or ",old-ssl". */
  readonly fallbackServers?: readonly string[];
  /** TLS from the first byte on. */
  readonly directTls: boolean;
  /** False: a server without TLS is accepted; one that offers it is used with it all the same. */
  readonly requireEncryption: boolean;
  /** Seconds of silence before the server must give a sign of life; 0: never. */
  readonly keepaliveSeconds: number;
  /** Names of which the server's certificate must have one: the account's domain first. */
  readonly referenceIdentities: readonly string[];
  /** For the mechanism EXTERNAL. PEM */
  readonly clientCertificate?: ClientCertificate;
  /** Asked when the mechanisms are known, and again after a failure. Rejecting with a HushError ends the login with it. */
  credentials(request: CredentialRequest): Promise<Credential>;
  /** Asked about a certificate that is not accepted. Resolving goes on without `isVerified`, rejecting with a HushError ends the login with it. */
  judgeCertificate(problem: CertificateProblem): Promise<void>;
  readonly log: Log;
}

/** What lies outside the process; every part has its real default. */
export interface Surroundings {
  readonly resolveSrv?: ResolveSrv;
  readonly authorities?: Authorities;
  readonly strongest?: MechanismMemory;
  /** Milliseconds for a login without people's answers, default 30 000; and for the server's own close, default 5 000. */
  readonly loginMs?: number;
  readonly closeMs?: number;
  /** And for the first answer on a resumed stream, default 10 000. */
  readonly answerMs?: number;
  /** And for an element that comes drop by drop, default 60 000. */
  readonly dripMs?: number;
}

export interface ClientEvents {
  /** The server has accepted the login; the resource is not bound yet. */
  authenticated: [];
  /** The connection is gone; what is sent waits. */
  suspended: [];
  /** It is back, with everything in order. */
  resumed: [];
  /** Once, after `connect` had resolved. Undefined: by `close`. */
  closed: [error: HushError | undefined];
  /** The server has taken this stanza (stream management only), in order. */
  delivered: [stanza: Element];
  /** What the server is not known to have taken, in order, each once; before `closed`. */
  undelivered: [stanzas: Element[]];
}
