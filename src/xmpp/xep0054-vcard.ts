/** Cards of people: read into a bounded neutral form, and our own written. Source: XEP-0054 1.3 §3, §7. */
import { HushError } from '../errors.ts';
import { child, children, childText, elements, text, xml } from './element.ts';
import type { Element } from './element.ts';
import { Emitter } from '../emitter.ts';
import { imageHash, readImage } from './image.ts';
import type { Image } from './image.ts';
import type { BareJid } from './jid.ts';
import { Limiter } from './limiter.ts';
import type { Session } from './session.ts';
import { StanzaErrorReply } from './stanza-error.ts';
import { cleanText } from './text.ts';

const VCARD = 'vcard-temp';

/** One line of a card: { name: 'tel', parameters: ['type=home'], values: ['+1 …'] }. Names as in RFC 2426, lower case. */
export interface VCardField {
  readonly name: string;
  readonly parameters: readonly string[];
  /** As many as the field has parts; '' for a part that is missing. */
  readonly values: readonly string[];
}

export interface VCard {
  readonly fields: readonly VCardField[];
  readonly photo: Image | undefined;
  /** SHA-1 of the photo in hex; '' without. XEP-0153 §3 */
  readonly photoHash: string;
}

const limits = { fields: 128, values: 16, value: 4096, total: 65_536, inFlight: 4, cards: 500 };

interface FieldForm {
  /** Child elements of the parts, in the order of RFC 2426; none: the text itself. */
  readonly parts?: readonly string[];
  /** The last part may come several times. */
  readonly isOpen?: boolean;
  readonly types?: readonly string[];
}

const places = ['HOME', 'WORK', 'PREF'];
const textForm: FieldForm = {};
const textFields = ['FN', 'NICKNAME', 'BDAY', 'JABBERID', 'MAILER', 'TZ', 'TITLE', 'ROLE', 'NOTE', 'DESC', 'REV', 'UID', 'URL', 'SORT-STRING', 'PRODID'];

/** The fields we know, by element name; others stay in our own card untouched. */
const forms: ReadonlyMap<string, FieldForm> = new Map<string, FieldForm>([
  ...textFields.map((name) => [name, textForm] as const),
  ['N', { parts: ['FAMILY', 'GIVEN', 'MIDDLE', 'PREFIX', 'SUFFIX'] }],
  ['ADR', { parts: ['POBOX', 'EXTADD', 'STREET', 'LOCALITY', 'REGION', 'PCODE', 'CTRY'], types: [...places, 'POSTAL', 'PARCEL', 'DOM', 'INTL'] }],
  ['LABEL', { parts: ['LINE'], isOpen: true, types: [...places, 'POSTAL', 'PARCEL', 'DOM', 'INTL'] }],
  ['TEL', { parts: ['NUMBER'], types: [...places, 'VOICE', 'FAX', 'PAGER', 'MSG', 'CELL', 'VIDEO', 'BBS', 'MODEM', 'ISDN', 'PCS'] }],
  ['EMAIL', { parts: ['USERID'], types: [...places, 'INTERNET', 'X400'] }],
  ['GEO', { parts: ['LAT', 'LON'] }],
  ['ORG', { parts: ['ORGNAME', 'ORGUNIT'], isOpen: true }],
]);

const clean = (value: string): string => cleanText(value, limits.value).trim();

function readValues(element: Element, { parts = [], isOpen = false }: FieldForm): string[] {
  // COMPAT: numbers and addresses written without their inner element. §7
  if (parts.length === 0 || elements(element).length === 0) return [clean(text(element))];
  return parts.flatMap((part, index) => {
    const found = children(element, part, VCARD).map((value) => clean(text(value)));
    if (isOpen && index === parts.length - 1) return found.slice(0, limits.values);
    return [found[0] ?? ''];
  });
}

function readField(element: Element): VCardField | undefined {
  const form = forms.get(element.name);
  if (form === undefined) return undefined;
  const values = readValues(element, form);
  const types = (form.types ?? []).filter((type) => child(element, type, VCARD) !== undefined);
  if (values.every((value) => value === '')) return undefined;
  return { name: element.name.toLowerCase(), parameters: types.map((type) => `type=${type.toLowerCase()}`), values };
}

function writeField({ name, parameters, values }: VCardField): Element {
  const element = xml(name.toUpperCase());
  const form = forms.get(element.name);
  if (form === undefined) throw new HushError('invalid-argument', `a card here has no field ${name}`);
  const { parts = [], isOpen = false, types = [] } = form;
  for (const type of types) if (parameters.some((parameter) => parameter.toUpperCase() === `TYPE=${type}`)) element.append(xml(type));
  const last = parts.at(-1);
  if (last === undefined) element.append(values[0] ?? '');
  else for (const [index, value] of values.entries()) if (index < parts.length || isOpen) element.append(xml(parts[index] ?? last, {}, value));
  return element;
}

/** A photo given as address elsewhere is never fetched. */
function readPhoto(card: Element): Image | undefined {
  const photo = child(card, 'PHOTO', VCARD);
  return photo && readImage(childText(photo, 'BINVAL', VCARD) ?? '');
}

/** A card of any size and shape as a card of sensible size. Total. */
export function parseVCard(card: Element): VCard {
  const fields: VCardField[] = [];
  let total = 0;
  for (const element of elements(card)) {
    const field = fields.length < limits.fields ? readField(element) : undefined;
    if (field === undefined) continue;
    for (const value of field.values) total += value.length;
    if (total > limits.total) break;
    fields.push(field);
  }
  const photo = readPhoto(card);
  return { fields, photo, photoHash: photo === undefined ? '' : imageHash(photo.data) };
}

/** `rest`: the elements of the former card that we do not know. */
function writeVCard(fields: readonly VCardField[], photo: Image | undefined, rest: readonly Element[]): Element {
  const picture = photo && xml('PHOTO', {}, xml('TYPE', {}, photo.type), xml('BINVAL', {}, photo.data.toString('base64')));
  return xml('vCard', { xmlns: VCARD }, ...fields.map(writeField), ...rest, picture);
}

export class VCards {
  readonly events: Emitter<{ changed: [owner: BareJid, card: VCard] }>;
  readonly #session: Session;
  readonly #limiter = new Limiter(limits.inFlight);
  readonly #edits = new Limiter(1);
  readonly #asking = new Map<BareJid, Promise<VCard>>();
  /** Without photos; the card used longest ago first. */
  readonly #known = new Map<BareJid, readonly VCardField[]>();

  constructor(session: Session) {
    this.#session = session;
    this.events = new Emitter(session.log);
  }

  /** The fields of a card fetched before on this connection. */
  known(owner: BareJid): readonly VCardField[] | undefined {
    return this.#known.get(owner);
  }

  /** Asks for a card; whoever asks for the same one meanwhile shares the answer. No card is an empty card. Rejects as IqCaller.get. */
  async fetch(owner: BareJid): Promise<VCard> {
    const underWay = this.#asking.get(owner);
    if (underWay !== undefined) return underWay;
    const asking = this.#limiter.run(async () => {
      const card = parseVCard(await this.#request(owner));
      this.#learn(owner, card);
      return card;
    });
    this.#asking.set(owner, asking);
    try {
      return await asking;
    } finally {
      this.#asking.delete(owner);
    }
  }

  /** Changes our own card: what the change leaves out stays, also what we do not know. Edits follow each other. Throws 'invalid-argument' for an unknown field. */
  async edit(change: (card: VCard) => { readonly fields?: readonly VCardField[]; readonly photo?: Image | undefined }): Promise<VCard> {
    return this.#edits.run(async () => {
      const { account, iq } = this.#session;
      const before = await this.#request(account);
      const current = parseVCard(before);
      const { fields, photo } = { ...current, ...change(current) };
      const rest = elements(before).filter(({ name }) => name !== 'PHOTO' && !forms.has(name));
      const written = writeVCard(fields, photo, rest);
      await iq.set(undefined, written);
      const card: VCard = { fields, photo, photoHash: photo === undefined ? '' : imageHash(photo.data) };
      this.#learn(account, card);
      return card;
    });
  }

  async #request(owner: BareJid): Promise<Element> {
    const { account, iq } = this.#session;
    const empty = xml('vCard', { xmlns: VCARD });
    try {
      return child(await iq.get(owner === account ? undefined : owner, xml('vCard', { xmlns: VCARD })), 'vCard', VCARD) ?? empty;
    } catch (error) {
      // Either says that there is no card. §3.3
      if (error instanceof StanzaErrorReply && ['item-not-found', 'service-unavailable'].includes(error.stanzaError.condition)) return empty;
      throw error;
    }
  }

  #learn(owner: BareJid, card: VCard): void {
    this.#known.delete(owner);
    this.#known.set(owner, card.fields);
    const [oldest] = this.#known.keys();
    if (this.#known.size > limits.cards && oldest !== undefined) this.#known.delete(oldest);
    this.events.emit('changed', owner, card);
  }
}
