/** How conversations can be carried: one line per mechanism. */
import { plain } from './plain/plain.ts';

export const mechanisms = { plain };
