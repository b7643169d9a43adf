/** What we can do, told to those who may know; what others can do, asked. Source: XEP-0030 2.5rc3 §3, §4; extensions: XEP-0128 1.0.1. */
import { HushError } from '../errors.ts';
import { child, children, ns, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import type { IqOptions } from './iq.ts';
import type { Jid } from './jid.ts';
import type { Sender } from './router.ts';
import type { Session } from './session.ts';
import { parseForm } from './xep0004-forms.ts';
import type { DataForm } from './xep0004-forms.ts';

export const DISCO_INFO = 'http://jabber.org/protocol/disco#info';
export const DISCO_ITEMS = 'http://jabber.org/protocol/disco#items';

/** Who may know what we are and that we are here at all; anyone else gets the answer of an account that is offline. */
export const acquaintances: readonly Sender[] = ['missing', 'own-bare', 'own-full', 'own-other', 'server', 'subscriber'];

export interface Identity {
  readonly category: string;
  readonly type: string;
  /** '' without. */
  readonly name: string;
  /** The identity's own xml:lang; '' without. */
  readonly lang: string;
}

export interface DiscoInfo {
  readonly identities: readonly Identity[];
  readonly features: ReadonlySet<string>;
  /** By FORM_TYPE; a form without a hidden one is left out. */
  readonly forms: ReadonlyMap<string, DataForm>;
  /** Nothing came twice and nothing needed was missing: what XEP-0115 §5.4 asks before a hash may be believed. */
  readonly isWellFormed: boolean;
}

const limits = { identities: 64, features: 1024, forms: 32, characters: 1024, nodes: 8 };

function demandSize(count: number, limit: number): void {
  if (count > limit) throw new HushError('invalid-data', 'a service discovery answer without measure');
}

/** A FORM_TYPE of a form that extends an answer: undefined = not hidden or none; null = several that differ. */
function typeOf(form: DataForm): string | null | undefined {
  const field = form.fields.get('FORM_TYPE');
  if (field?.type !== 'hidden') return undefined;
  const [first, ...others] = field.values;
  return others.every((value) => value === first) ? first : null;
}

function parseForms(query: Element): { forms: Map<string, DataForm>; isWellFormed: boolean } {
  const forms = new Map<string, DataForm>();
  const elements = children(query, 'x', ns.dataForms);
  demandSize(elements.length, limits.forms);
  let isWellFormed = true;
  for (const element of elements) {
    try {
      const form = parseForm(element);
      const type = typeOf(form);
      if (type === null || (type !== undefined && forms.has(type))) isWellFormed = false;
      else if (type !== undefined) forms.set(type, form);
    } catch (error) {
      if (!(error instanceof HushError)) throw error;
      isWellFormed = false;
    }
  }
  return { forms, isWellFormed };
}

/** The content of a disco#info `<query/>`. Throws HushError('invalid-data') when it is too large; duplicates are taken once and noted in `isWellFormed`. */
export function parseInfo(query: Element): DiscoInfo {
  const { forms, isWellFormed } = parseForms(query);
  const identities = new Map<string, Identity>();
  const features = new Set<string>();
  const identityElements = children(query, 'identity', DISCO_INFO);
  const featureElements = children(query, 'feature', DISCO_INFO);
  demandSize(identityElements.length, limits.identities);
  demandSize(featureElements.length, limits.features);
  for (const { attrs } of identityElements) {
    const identity: Identity = { category: attrs.category ?? '', type: attrs.type ?? '', name: attrs.name ?? '', lang: attrs['xml:lang'] ?? '' };
    const parts = [identity.category, identity.type, identity.lang, identity.name];
    for (const part of parts) demandSize(part.length, limits.characters);
    if (identity.category !== '' && identity.type !== '') identities.set(JSON.stringify(parts), identity);
  }
  for (const { attrs } of featureElements) {
    if (attrs.var === undefined || attrs.var === '') continue;
    demandSize(attrs.var.length, limits.characters);
    features.add(attrs.var);
  }
  return {
    identities: [...identities.values()],
    features,
    forms,
    isWellFormed: isWellFormed && identities.size === identityElements.length && features.size === featureElements.length,
  };
}

function writeInfo({ identities, features }: DiscoInfo, node: string | undefined): Element {
  return xml(
    'query',
    { xmlns: DISCO_INFO, node },
    ...identities.map(({ category, type, name }) => xml('identity', { category, type, name: name === '' ? undefined : name })),
    ...[...features].map((feature) => xml('feature', { var: feature })),
  );
}

export class Disco {
  readonly events: Emitter<{ changed: [] }>;
  readonly #session: Session;
  readonly #identities = new Set<Identity>();
  /** Feature → how many have registered it. */
  readonly #features = new Map<string, number>();
  readonly #nodes = new Map<string, DiscoInfo>();

  constructor(session: Session) {
    this.#session = session;
    this.events = new Emitter(session.log);
    const answers = [
      { ns: DISCO_INFO, handle: (query: Element) => this.#answerInfo(query) },
      { ns: DISCO_ITEMS, handle: (query: Element) => this.#answerItems(query) },
    ];
    for (const { ns: namespace, handle } of answers) {
      this.feature(namespace);
      session.router.add({
        name: 'xep0030-disco',
        stanza: 'iq-get',
        child: { name: 'query', ns: namespace },
        from: acquaintances,
        handle: (iq) => {
          const query = child(iq, 'query', namespace);
          return query && handle(query);
        },
      });
    }
  }

  /** What we are. Returns a function that takes it back. */
  identity(category: string, type: string, name = ''): () => void {
    const identity: Identity = { category, type, name, lang: '' };
    this.#identities.add(identity);
    this.events.emit('changed');
    return () => {
      if (this.#identities.delete(identity)) this.events.emit('changed');
    };
  }

  /** Something we can do: call it beside the handler that does it. Returns a function that takes it back; a feature stays while anyone has it registered. */
  feature(name: string): () => void {
    this.#count(name, 1);
    let isRegistered = true;
    return () => {
      if (isRegistered) this.#count(name, -1);
      isRegistered = false;
    };
  }

  /** What we are and can do now. */
  get own(): DiscoInfo {
    return { identities: [...this.#identities], features: new Set(this.#features.keys()), forms: new Map(), isWellFormed: true };
  }

  /** Answers questions about `node` with `info`, also when we have changed since; the last few nodes are kept. XEP-0115 §6.2 */
  remember(node: string, info: DiscoInfo): void {
    this.#nodes.delete(node);
    this.#nodes.set(node, info);
    const [oldest] = this.#nodes.keys();
    if (this.#nodes.size > limits.nodes && oldest !== undefined) this.#nodes.delete(oldest);
  }

  /** What `jid` says it is and can do. Rejects as IqCaller.get, and with 'invalid-data'. */
  async info(jid: Jid, node?: string, options?: IqOptions): Promise<DiscoInfo> {
    const query = child(await this.#session.iq.get(jid, xml('query', { xmlns: DISCO_INFO, node }), options), 'query', DISCO_INFO);
    if (query === undefined) throw new HushError('invalid-data', 'a service discovery answer without content');
    return parseInfo(query);
  }

  #count(name: string, step: 1 | -1): void {
    const count = (this.#features.get(name) ?? 0) + step;
    if (count > 0) this.#features.set(name, count);
    else this.#features.delete(name);
    if (count === 0 || (count === 1 && step === 1)) this.events.emit('changed');
  }

  #answerInfo({ attrs: { node } }: Element): Element {
    const info = node === undefined || node === '' ? this.own : this.#nodes.get(node);
    if (info === undefined) throw new HushError('does-not-exist', 'no such node');
    return writeInfo(info, node);
  }

  #answerItems({ attrs: { node } }: Element): Element {
    if (node !== undefined && node !== '' && !this.#nodes.has(node)) throw new HushError('does-not-exist', 'no such node');
    return xml('query', { xmlns: DISCO_ITEMS, node });
  }
}
