/** How an account logs in: with the password it was given, or by asking a client that shows a channel to the user. */
import { HushError } from '../../errors.ts';
import type { BaseConnection } from '../../telepathy/base-connection.ts';
import type { CertificateProblem } from '../../xmpp/client.ts';
import { domainOf, localOf } from '../../xmpp/jid.ts';
import type { BareJid } from '../../xmpp/jid.ts';
import type { Credential, CredentialRequest } from '../../xmpp/sasl.ts';
import { askAboutCertificate } from './certificate-channel.ts';
import { SaslChannel } from './sasl-channel.ts';

export interface AuthenticationOptions {
  /** The account's connection; it exists by the time anything is asked. */
  readonly connection: () => BaseConnection;
  readonly account: BareJid;
  /** undefined = ask. */
  readonly password: string | undefined;
  /** The user's parameter: every certificate will do. Nothing is verified by that. */
  readonly ignoresCertificateErrors: boolean;
  /** Whether the server's certificate was verified, for what the channel says of the server. */
  readonly isVerified: () => boolean;
}

export class Authentication {
  readonly #options: AuthenticationOptions;
  #channel: SaslChannel | undefined;
  #accepted: Credential | undefined;
  #certificates = 0;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** For XmppClient. A wrong password that was given as a parameter ends the login: asking is for accounts without one. */
  async credentials(request: CredentialRequest): Promise<Credential> {
    const { password, account } = this.#options;
    if (password !== undefined) {
      if (request.previousFailure !== undefined) throw request.previousFailure;
      return { kind: 'password', password };
    }
    // A later login of the same connection resumes its stream: the user has answered before.
    if (this.#accepted !== undefined && request.previousFailure === undefined) return this.#accepted;
    const connection = this.#options.connection();
    this.#channel ??= new SaslChannel({
      connection,
      name: 'SASL',
      username: localOf(account),
      domain: domainOf(account),
      mechanisms: request.mechanisms,
      isEncrypted: request.secure,
      isVerified: request.secure && this.#options.isVerified(),
    });
    const credential = await this.#channel.credential(request.previousFailure);
    if (credential.kind === 'password') this.#accepted = { kind: 'password', password: credential.password };
    return credential;
  }

  /** For XmppClient: a certificate that was not accepted. Resolves if the user takes it. */
  async judgeCertificate(problem: CertificateProblem): Promise<void> {
    if (this.#options.ignoresCertificateErrors) return;
    if (problem.chain.length === 0) throw problem.error;
    this.#certificates += 1;
    try {
      await askAboutCertificate({ ...problem, connection: this.#options.connection(), name: `Certificate${this.#certificates}` });
    } catch (error) {
      // The reason of the refusal, with what was wrong in the first place.
      if (error instanceof HushError) throw new HushError(error.condition, error.message, { cause: problem.error, details: { ...problem.error.details, ...error.details } });
      throw error;
    }
  }
}
