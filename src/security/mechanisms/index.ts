/** How conversations can be carried: one line per mechanism. */
import type { Mechanism } from '../mechanism.ts';
import { plain } from './plain/plain.ts';
import { XtlsMechanism } from './xtls/xtls.ts';
import type { XtlsOptions } from './xtls/xtls.ts';

/** What every mechanism is made with: the stream, what contacts' clients can do, whom to trust. */
export type MechanismOptions = XtlsOptions;

interface SecuredMechanism {
  readonly name: string;
  create(options: MechanismOptions): Mechanism;
}

/** Best first. */
const secured: readonly SecuredMechanism[] = [
  { name: 'xtls', create: (options) => new XtlsMechanism(options) },
];

export const mechanisms = { plain, secured };
