/** Trust: whose keys are known, how far they are trusted, and the account's own key. */
import type { Feature } from '../feature.ts';
import { attachSecurity } from './security-interface.ts';

export const trust: Feature = {
  interfaces: ['org.freedesktop.Telepathy.Connection.Interface.Security'],
  classes: [],
  attach: attachSecurity,
};
