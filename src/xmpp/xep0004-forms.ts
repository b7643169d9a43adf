/** Data forms, read into a bounded structure. Source: XEP-0004 2.13.1 §3; FORM_TYPE: XEP-0068 1.3.0 §3. */
import { HushError } from '../errors.ts';
import { children, ns, text } from './element.ts';
import type { Element } from './element.ts';

export interface FormField {
  /** As it was written; '' without. */
  readonly type: string;
  readonly values: readonly string[];
}

export interface DataForm {
  readonly type: string;
  /** By `var`; a field without one (a line of fixed text) is left out. */
  readonly fields: ReadonlyMap<string, FormField>;
}

const limits = { fields: 256, values: 256, characters: 4096 };

const within = (value: string): boolean => value.length <= limits.characters;

/** A form. Throws HushError('invalid-data') when a field comes twice or something has no sensible size. */
export function parseForm(form: Element): DataForm {
  const fields = new Map<string, FormField>();
  const elements = children(form, 'field', ns.dataForms);
  if (elements.length > limits.fields) throw new HushError('invalid-data', 'a form with too many fields');
  for (const element of elements) {
    const name = element.attrs.var;
    if (name === undefined) continue;
    const values = children(element, 'value', ns.dataForms).map(text);
    if (fields.has(name)) throw new HushError('invalid-data', 'a form with the same field twice');
    if (values.length > limits.values || ![name, ...values].every(within)) throw new HushError('invalid-data', 'a form field without measure');
    fields.set(name, { type: element.attrs.type ?? '', values });
  }
  return { type: form.attrs.type ?? '', fields };
}
