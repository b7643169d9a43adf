/** Contacts: who they are, whether they are there, what they can do. One file per interface of the connection. */
import type { Feature } from '../feature.ts';
import { attachAddressing } from './addressing.ts';
import { attachAliasing } from './aliasing.ts';
import { attachGroups } from './groups.ts';
import { attachList } from './list.ts';
import { attachPresence } from './presence.ts';

export const contacts: Feature = {
  interfaces: [
    'org.freedesktop.Telepathy.Connection.Interface.SimplePresence',
    'org.freedesktop.Telepathy.Connection.Interface.ContactList',
    'org.freedesktop.Telepathy.Connection.Interface.ContactGroups',
    'org.freedesktop.Telepathy.Connection.Interface.Aliasing',
    'org.freedesktop.Telepathy.Connection.Interface.Addressing1',
  ],
  classes: [],
  attach(account) {
    attachPresence(account);
    attachList(account);
    attachGroups(account);
    attachAliasing(account);
    attachAddressing(account);
  },
};
