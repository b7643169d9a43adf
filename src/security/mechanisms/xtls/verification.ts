/** The comparison of a shared secret inside a session: who says what when, and what each end may conclude. XTLS profile §5. */
import { randomBytes } from 'node:crypto';
import { HushError, asHushError } from '../../../errors.ts';
import type { Condition } from '../../../errors.ts';
import { lazy } from '../../../lazy.ts';
import { decodeBase64 } from '../../../xmpp/base64.ts';
import { elements, is, namespaceOf, text, xml } from '../../../xmpp/element.ts';
import type { Element } from '../../../xmpp/element.ts';
import { bareOf } from '../../../xmpp/jid.ts';
import type { FullJid } from '../../../xmpp/jid.ts';
import { opaqueString } from '../../../xmpp/precis.ts';
import type { SharedSecret } from '../../mechanism.ts';
import { PROFILE } from './content.ts';
import type { Guesses } from './guesses.ts';
import { PROOF_SIZE, PUBLIC_SIZE, SALT_SIZE, Srp, answererProof, randomExponent, sameProof, starterProof, stretch } from './srp.ts';
import type { Transcript } from './srp.ts';

const MECH = 'srp-6a-3072-sha256';
const srp = lazy(() => new Srp());
/** Bytes of a question, and characters of a secret. */
const limits = { question: 1024, secret: 1024 } as const;
/** Milliseconds: a whole run, and steps 3 and 4. */
const timeouts = { run: 600_000, step: 30_000 } as const;

/** Why a run is given up, as it is told to the peer. */
type AbortCondition = 'authentication-failed' | 'declined' | 'busy' | 'timeout' | 'bad-request';
const conditions: Readonly<Record<AbortCondition, Condition>> = {
  'authentication-failed': 'authentication-failed',
  declined: 'rejected',
  busy: 'service-busy',
  timeout: 'not-available',
  'bad-request': 'encryption-error',
};

export interface VerificationOptions {
  readonly own: FullJid;
  readonly peer: FullJid;
  /** The exporter value of the TLS session. */
  readonly channelBinding: Uint8Array;
  /** The binding's H. */
  readonly bindingHash: Uint8Array;
  readonly guesses: Guesses;
  readonly send: (element: Element) => void;
  readonly requested: (question: string) => void;
  /** The peer knows the secret. Comes before `concluded`. */
  readonly verified: () => void;
  readonly concluded: (error: HushError | undefined) => void;
}

/**
 * One run. The starter waits for step 2 (`started`), computes, waits for step 4 (`proved`);
 * the answerer waits for its user (`asked`), computes, waits for step 3 (`answered`).
 */
interface Run {
  readonly id: string;
  readonly role: 'starter' | 'answerer';
  state: 'started' | 'asked' | 'computing' | 'proved' | 'answered';
  /** The starter's secret, until it is used. */
  secret: Buffer | undefined;
  readonly exponent: Buffer;
  A: Buffer;
  /** What the last message of the peer must equal, and at the answerer what is then said. */
  expected?: Buffer;
  proof?: Buffer;
  timers: NodeJS.Timeout[];
}

export class Verification implements SharedSecret {
  readonly #options: VerificationOptions;
  #run: Run | undefined;
  #isOver = false;

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  start(question: string, secret: string): void {
    if (this.#run !== undefined || this.#isOver) throw new HushError('not-available', 'a comparison is under way');
    if (Buffer.byteLength(question) > limits.question) throw new HushError('invalid-argument', 'the question is too long');
    const prepared = prepare(secret);
    this.#options.guesses.userActed(bareOf(this.#options.peer));
    const exponent = randomExponent();
    const A = srp().starterPublic(exponent);
    this.#begin({ id: randomBytes(16).toString('hex'), role: 'starter', state: 'started', secret: prepared, exponent, A, timers: [] });
    this.#say(1, question === '' ? undefined : xml('question', {}, question), value('A', A));
  }

  answer(secret: string): void {
    const run = this.#run;
    if (run?.state !== 'asked') throw new HushError('not-available', 'nobody has asked for a secret');
    const prepared = prepare(secret);
    this.#compute(run, () => this.#answerWith(run, prepared));
  }

  abort(): void {
    if (this.#run === undefined) throw new HushError('not-available', 'no comparison is under way');
    this.#giveUp('declined', new HushError('cancelled', 'the comparison was given up here'));
  }

  /** A `<verify/>` of the peer. */
  receive(element: Element): void {
    const { id = '', step } = element.attrs;
    if (this.#isOver || !/^[0-9a-f]{32}$/.test(id)) return;
    const run = this.#run;
    if (run?.id !== id) {
      // Unknown or finished: only a first step begins something.
      if (step === '1') this.#asked(id, element);
    } else if (step === 'abort') {
      const condition = element.attrs.condition ?? '';
      const known = Object.hasOwn(conditions, condition) ? conditions[condition as AbortCondition] : 'not-available';
      this.#finish(new HushError(known, `the contact’s client gave up the comparison: ${Object.hasOwn(conditions, condition) ? condition : 'unknown'}`));
    } else if (element.attrs.mech !== MECH || !this.#take(run, step, element)) {
      this.#giveUp('bad-request', new HushError('encryption-error', 'the contact’s client does not keep to the rules of the comparison'));
    }
  }

  /** The session is over, and with it the run. */
  end(): void {
    this.#isOver = true;
    this.#finish(new HushError('terminated', 'the session ended before the comparison'));
  }

  /** A step of the run at hand. False: not the one that is due, or not of its form. */
  #take(run: Run, step: string | undefined, element: Element): boolean {
    if (step === '2' && run.state === 'started') {
      const [salt, B] = values(element, ['salt', SALT_SIZE], ['B', PUBLIC_SIZE]);
      const { secret } = run;
      if (salt === undefined || B === undefined || secret === undefined || !srp().isPublic(B)) return false;
      this.#compute(run, () => this.#prove(run, secret, salt, B));
      return true;
    }
    if (step === '3' && run.state === 'answered') return this.#judge(run, values(element, ['M1', PROOF_SIZE])[0]);
    if (step === '4' && run.state === 'proved') return this.#judge(run, values(element, ['M2', PROOF_SIZE])[0]);
    return false;
  }

  /** Step 1 of the peer. */
  #asked(id: string, element: Element): void {
    const { guesses, own, peer } = this.#options;
    const run = this.#run;
    const parts = elements(element);
    const question = parts[0] !== undefined && is(parts[0], 'question', PROFILE) ? text(parts[0]) : undefined;
    const [A] = values(element, ...(question === undefined ? [] : [['question'] as const]), ['A', PUBLIC_SIZE]).slice(question === undefined ? 0 : 1);
    const isForm = element.attrs.mech === MECH && A !== undefined && srp().isPublic(A) && Buffer.byteLength(question ?? '') <= limits.question;
    if (!isForm) this.#refuse(id, 'bad-request');
    else if (guesses.isLocked(bareOf(peer))) this.#refuse(id, 'busy');
    else if (run === undefined || run.state === 'asked') this.#ask(id, A, question ?? '');
    else if (run.state !== 'started') this.#refuse(id, 'busy');
    // Both have started: the run of the lower full JID stands; its starter does not look at the other's.
    else if (Buffer.compare(Buffer.from(own), Buffer.from(peer)) > 0) this.#yield(run, id, A);
  }

  #ask(id: string, A: Buffer, question: string): void {
    this.#finish(new HushError('cancelled', 'the contact has asked anew'));
    this.#begin({ id, role: 'answerer', state: 'asked', secret: undefined, exponent: randomExponent(), A, timers: [] });
    this.#options.requested(question);
  }

  /** Drops our own run and answers the peer's with the secret that we hold already. */
  #yield(own: Run, id: string, A: Buffer): void {
    const { secret } = own;
    clear(own);
    const run: Run = { id, role: 'answerer', state: 'asked', secret: undefined, exponent: randomExponent(), A, timers: [] };
    this.#begin(run);
    if (secret !== undefined) this.#compute(run, () => this.#answerWith(run, secret));
  }

  #begin(run: Run): void {
    this.#run = run;
    run.timers.push(setTimeout(() => this.#giveUp('timeout', new HushError('not-available', 'the comparison took too long')), timeouts.run));
  }

  /** Key stretching takes a moment; whatever ends the run meanwhile ends this too. */
  #compute(run: Run, work: () => Promise<void>): void {
    run.state = 'computing';
    work().catch((error: unknown) => {
      if (this.#run === run) this.#giveUp('authentication-failed', asHushError(error));
    });
  }

  async #answerWith(run: Run, secret: Buffer): Promise<void> {
    const salt = randomBytes(SALT_SIZE);
    const verifier = srp().verifier(await this.#privateKey(this.#options.peer, secret, salt));
    if (this.#run !== run) return;
    const B = srp().answererPublic(verifier, run.exponent);
    const key = srp().sessionKey(srp().answererSecret(run.A, B, run.exponent, verifier));
    const transcript = this.#transcript(run, salt, B);
    run.expected = starterProof(key, transcript);
    run.proof = answererProof(key, transcript, run.expected);
    run.state = 'answered';
    this.#limitStep(run);
    this.#say(2, value('salt', salt), value('B', B));
  }

  async #prove(run: Run, secret: Buffer, salt: Buffer, B: Buffer): Promise<void> {
    const x = await this.#privateKey(this.#options.own, secret, salt);
    if (this.#run !== run) return;
    const key = srp().sessionKey(srp().starterSecret(run.A, B, run.exponent, x));
    const transcript = this.#transcript(run, salt, B);
    const M1 = starterProof(key, transcript);
    run.expected = answererProof(key, transcript, M1);
    run.state = 'proved';
    this.#limitStep(run);
    this.#say(3, value('M1', M1));
  }

  /** x, for the identity of the starter; the secret is wiped. */
  async #privateKey(starter: FullJid, secret: Buffer, salt: Buffer): Promise<Buffer> {
    const stretched = await stretch(secret, salt);
    secret.fill(0);
    const x = srp().privateKey(bareOf(starter), stretched, salt);
    stretched.fill(0);
    return x;
  }

  #transcript(run: Run, salt: Buffer, B: Buffer): Transcript {
    const { own, peer, channelBinding, bindingHash } = this.#options;
    const [starter, answerer] = run.role === 'starter' ? [own, peer] : [peer, own];
    return { channelBinding, bindingHash, starter, answerer, salt, A: run.A, B };
  }

  /** The last proof of the peer. */
  #judge(run: Run, received: Buffer | undefined): boolean {
    if (received === undefined || run.expected === undefined) return false;
    if (!sameProof(received, run.expected)) {
      this.#giveUp('authentication-failed', new HushError('authentication-failed', 'the secrets are not the same'));
      return true;
    }
    if (run.proof !== undefined) this.#say(4, value('M2', run.proof));
    clear(run);
    this.#run = undefined;
    this.#options.verified();
    this.#options.concluded(undefined);
    return true;
  }

  #limitStep(run: Run): void {
    run.timers.push(setTimeout(() => this.#giveUp('timeout', new HushError('not-available', 'the contact’s client does not go on with the comparison')), timeouts.step));
  }

  #giveUp(condition: AbortCondition, error: HushError): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#refuse(run.id, condition);
    this.#finish(error);
  }

  #finish(error: HushError): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    clear(run);
    // From here on the peer has had what it needs to try one guess.
    if (run.state === 'answered' || run.state === 'proved') this.#options.guesses.failed(bareOf(this.#options.peer));
    this.#options.concluded(error);
  }

  #refuse(id: string, condition: AbortCondition): void {
    if (!this.#isOver) this.#options.send(xml('verify', { xmlns: PROFILE, mech: MECH, id, step: 'abort', condition }));
  }

  #say(step: number, ...parts: (Element | undefined)[]): void {
    if (this.#run !== undefined) this.#options.send(xml('verify', { xmlns: PROFILE, mech: MECH, id: this.#run.id, step }, ...parts));
  }
}

function clear(run: Run): void {
  for (const timer of run.timers) clearTimeout(timer);
  run.exponent.fill(0);
}

/** UTF-8 of the secret as RFC 8265 prepares passwords. */
function prepare(secret: string): Buffer {
  if (secret.length > limits.secret) throw new HushError('invalid-argument', 'the secret is too long');
  return Buffer.from(opaqueString(secret), 'utf8');
}

function value(name: string, bytes: Uint8Array): Element {
  return xml(name, {}, Buffer.from(bytes).toString('base64'));
}

/** The bytes of exactly these children in this order; undefined for one that is missing or not of its size, and for all where there are others. A part without size is not read. */
function values(parent: Element, ...wanted: readonly (readonly [name: string, size?: number])[]): (Buffer | undefined)[] {
  const parts = elements(parent);
  if (parts.length !== wanted.length || parent.children.length !== parts.length) return [];
  return wanted.map(([name, size], at) => {
    const part = parts[at];
    if (part?.name !== name || namespaceOf(part) !== PROFILE || size === undefined || elements(part).length > 0) return undefined;
    const bytes = decodeBase64(text(part), size);
    return bytes?.length === size ? bytes : undefined;
  });
}
