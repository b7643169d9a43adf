/** Certificates for tests, made by the openssl command in a folder of their own: an authority, and whatever leaf a test needs. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM texts, and where they lie. `cert` holds the leaf alone. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

export interface CertificateOptions {
  /** dNSName entries of the subject alternative name. */
  readonly dns?: readonly string[];
  /** Further entries in openssl's words: 'IP:127.0.0.1', 'URI:xmpp:a@b', 'otherName:1.3.6.1.5.5.7.8.5;UTF8:example.org' (XmppAddr) … */
  readonly names?: readonly string[];
  /** Common name; default 'leaf'. A name here is no name to check. */
  readonly commonName?: string;
  /** Default: since yesterday, for a month. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** A certificate that may sign others. Default false. */
  readonly isAuthority?: boolean;
  /** Certificates below this authority; none if left out. */
  readonly pathLength?: number;
  /** Further extension lines in openssl's words: 'nameConstraints=critical,permitted;DNS:example.org' … */
  readonly extensions?: readonly string[];
  /** What `openssl genpkey` is told; default a P-256 key. */
  readonly keyArguments?: readonly string[];
}

const day = 86_400_000;

/** openssl's YYYYMMDDHHMMSSZ. */
function openSslTime(date: Date): string {
  return date.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
}

/** A folder of certificates; `remove` deletes it. */
export class CertificateFolder {
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<CertificateFolder> {
    return new CertificateFolder(await mkdtemp(join(tmpdir(), 'hush-certificates-')));
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** An authority that signed itself. Its certificate is what a client trusts (NODE_EXTRA_CA_CERTS, or the `ca` of node:tls). */
  async authority(options: CertificateOptions = {}): Promise<Certificate> {
    return this.issue(undefined, { commonName: 'Test Authority', isAuthority: true, ...options });
  }

  /** A certificate for these names, signed by itself. */
  async selfSigned(options: CertificateOptions): Promise<Certificate> {
    return this.issue(undefined, options);
  }

  /** A certificate signed by `issuer`, undefined meaning by itself. The issuer need not be an authority: a leaf that signs is worth a test. */
  async issue(issuer: Certificate | undefined, options: CertificateOptions): Promise<Certificate> {
    this.#count += 1;
    const base = join(this.#folder, String(this.#count));
    const keyFile = `${base}.key`;
    const certFile = `${base}.crt`;
    await run('openssl', ['genpkey', ...(options.keyArguments ?? ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']), '-out', keyFile]);
    await run('openssl', ['req', '-new', '-key', keyFile, '-subj', `/CN=${options.commonName ?? 'leaf'}`, '-out', `${base}.csr`]);
    await this.#sign(base, issuer ?? { keyFile, certFile: undefined }, options);
    return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8'), keyFile, certFile };
  }

  async #sign(base: string, issuer: { keyFile: string; certFile: string | undefined }, options: CertificateOptions): Promise<void> {
    const names = [...(options.dns ?? []).map((name) => `DNS:${name}`), ...(options.names ?? [])];
    const pathLength = options.pathLength === undefined ? '' : `,pathlen:${options.pathLength}`;
    const config = [
      '[ca]',
      'default_ca=signer',
      '[signer]',
      `database=${base}.db`,
      `new_certs_dir=${this.#folder}`,
      `serial=${base}.serial`,
      'rand_serial=yes',
      'default_md=sha256',
      'policy=any',
      'x509_extensions=extensions',
      'unique_subject=no',
      '[any]',
      'commonName=supplied',
      '[extensions]',
      `basicConstraints=critical,CA:${options.isAuthority === true ? `TRUE${pathLength}` : 'FALSE'}`,
      ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
      ...(options.extensions ?? []),
    ];
    await Promise.all([writeFile(`${base}.cnf`, config.join('\n') + '\n'), writeFile(`${base}.db`, '')]);
    const notBefore = options.notBefore ?? new Date(Date.now() - day);
    const notAfter = options.notAfter ?? new Date(Date.now() + 30 * day);
    await run('openssl', [
      ...['ca', '-batch', '-notext', '-config', `${base}.cnf`, '-in', `${base}.csr`, '-out', `${base}.crt`],
      ...['-startdate', openSslTime(notBefore), '-enddate', openSslTime(notAfter)],
      ...(issuer.certFile === undefined ? ['-selfsign', '-keyfile', issuer.keyFile] : ['-keyfile', issuer.keyFile, '-cert', issuer.certFile]),
    ]);
  }
}

/** A leaf that is over. */
export const expired = { notBefore: new Date(Date.now() - 60 * day), notAfter: new Date(Date.now() - 30 * day) };
/** A leaf that does not hold yet. */
export const notYetValid = { notBefore: new Date(Date.now() + 30 * day), notAfter: new Date(Date.now() + 60 * day) };
