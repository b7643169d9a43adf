/** The hash that stands for what someone can do, and whether it can be believed. Source: XEP-0115 1.6.0 §5.1, §5.4, §8.2. */
import { createHash } from 'node:crypto';
import type { DiscoInfo, Identity } from './xep0030-disco.ts';

/** IANA hash name → that of node:crypto. A hash with any other name is not looked at. */
const algorithms: ReadonlyMap<string, string> = new Map([
  ['sha-1', 'sha1'],
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);

/** Bytes of what is hashed: more is not shared between contacts. */
const maxShared = 32_768;

export function isKnownAlgorithm(name: string): boolean {
  return algorithms.has(name);
}

/** The i;octet collation. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const identityLine = ({ category, type, lang, name }: Identity): string => `${category}/${type}/${lang}/${name}`;

function lines({ identities, features, forms }: DiscoInfo): string[] {
  const result = [...identities.map(identityLine).sort(byBytes), ...[...features].sort(byBytes)];
  for (const [formType, { fields }] of [...forms].sort(([a], [b]) => byBytes(a, b))) {
    result.push(formType);
    for (const [name, { values }] of [...fields].sort(([a], [b]) => byBytes(a, b))) {
      if (name !== 'FORM_TYPE') result.push(name, ...values.toSorted(byBytes));
    }
  }
  return result;
}

/** The verification string of §5.1 before it is hashed. */
function verificationString(info: DiscoInfo): string {
  return lines(info)
    .map((line) => line + '<')
    .join('');
}

function hash(algorithm: string, value: string): string | undefined {
  const name = algorithms.get(algorithm);
  return name && createHash(name).update(value).digest('base64');
}

/** The `ver` of what we can do ourselves, with SHA-1: the algorithm everyone knows. */
export function verOf(info: DiscoInfo): string {
  return createHash('sha1').update(verificationString(info)).digest('base64');
}

/**
 * Whether the string that was hashed can be read back in one way only, as far as that can be had.
 * The format has no quoting: lines could be moved between identities, features and forms and the hash would stay. §8.2
 * What makes that possible is refused: a separator inside a part, a feature that reads like an identity, a form whose parts read like features.
 */
function isUnambiguous(info: DiscoInfo): boolean {
  const { identities, features, forms } = info;
  const isFormPlain = [...forms.values()].every(({ fields }) => {
    const own = [...fields].filter(([name]) => name !== 'FORM_TYPE');
    return own.length > 0 && own.every(([name, { values }]) => values.length > 0 && !/[:/]/.test(name));
  });
  return (
    identities.length > 0 &&
    identities.every(({ category, type, lang }) => !`${category}${type}${lang}`.includes('/')) &&
    ![...features].some((feature) => /^[^/]+\/[^/]+\/[^/]*\//.test(feature)) &&
    isFormPlain &&
    !lines(info).some((line) => line.includes('<'))
  );
}

/** Whether `ver` proves that whoever announces it can do exactly this: then it holds for everyone who announces the same. */
export function isProved(info: DiscoInfo, algorithm: string, ver: string): boolean {
  const value = verificationString(info);
  return info.isWellFormed && value.length <= maxShared && hash(algorithm, value) === ver && isUnambiguous(info);
}
