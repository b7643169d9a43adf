/** What a connection of hush can do: one line per feature. */
import { contacts } from './contacts/contacts.ts';
import type { Feature } from './feature.ts';
import { powerSaving } from './power-saving/power-saving.ts';
import { text } from './text/text.ts';
import { trust } from './trust/trust.ts';

export const features: readonly Feature[] = [contacts, powerSaving, text, trust];
