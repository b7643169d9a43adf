/** How an account logs in: with the password it was given, or by asking a client that shows a channel to the user. */
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
}

export class Authentication {
  readonly #options: AuthenticationOptions;
  #channel: SaslChannel | undefined;
  #accepted: Credential | undefined;
  /** Channels of each kind so far, for their names. */
  #logins = 0;
  #certificates = 0;
  /** Some certificate was taken that proves nothing. */
  #wasLenient = false;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** For XmppClient. A wrong password that was given as a parameter ends the login: asking is for accounts without one. */
  async credentials(request: CredentialRequest): Promise<Credential> {
    const { password } = this.#options;
    if (password !== undefined) {
      if (request.previousFailure !== undefined) throw request.previousFailure;
      return { kind: 'password', password };
    }
    // At another place of the same server: the user has answered before.
    if (this.#accepted !== undefined && request.previousFailure === undefined) return this.#accepted;
    if (this.#channel?.isUsable !== true) this.#channel = this.#ask(request);
    const credential = await this.#channel.credential(request.previousFailure);
    if (credential.kind === 'password') this.#accepted = credential;
    return credential;
  }

  /** For XmppClient: a certificate that was not accepted. Resolves if the user takes it. */
  async judgeCertificate(problem: CertificateProblem): Promise<void> {
    if (!this.#options.ignoresCertificateErrors) {
      if (problem.chain.length === 0) throw problem.error;
      this.#certificates += 1;
      await askAboutCertificate({ ...problem, connection: this.#options.connection(), name: `Certificate${this.#certificates}` });
    }
    this.#wasLenient = true;
  }

  #ask({ mechanisms, secure }: CredentialRequest): SaslChannel {
    const { account, connection } = this.#options;
    this.#logins += 1;
    return new SaslChannel({
      connection: connection(),
      name: `Login${this.#logins}`,
      username: localOf(account),
      domain: domainOf(account),
      mechanisms,
      isEncrypted: secure,
      isVerified: secure && !this.#wasLenient,
    });
  }
}
