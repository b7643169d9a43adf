/** Contacts: who they are, whether they are there, what they can do. One file per interface of the connection. */
import { Blocking } from '../../xmpp/xep0191-blocking.ts';
import type { Feature } from '../feature.ts';
import { attachAddressing } from './addressing.ts';
import { attachAliasing } from './aliasing.ts';
import { attachAvatars } from './avatars.ts';
import { attachBlocking } from './blocking.ts';
import { attachCapabilities, attachClientTypes } from './capabilities.ts';
import { attachGroups } from './groups.ts';
import { attachInfo } from './info.ts';
import { attachList } from './list.ts';
import { attachPresence } from './presence.ts';

export const contacts: Feature = {
  interfaces: [
    'org.freedesktop.Telepathy.Connection.Interface.SimplePresence',
    'org.freedesktop.Telepathy.Connection.Interface.ContactList',
    'org.freedesktop.Telepathy.Connection.Interface.ContactGroups',
    'org.freedesktop.Telepathy.Connection.Interface.ContactBlocking',
    'org.freedesktop.Telepathy.Connection.Interface.Aliasing',
    'org.freedesktop.Telepathy.Connection.Interface.Avatars',
    'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities',
    'org.freedesktop.Telepathy.Connection.Interface.ClientTypes',
    'org.freedesktop.Telepathy.Connection.Interface.ContactInfo',
    'org.freedesktop.Telepathy.Connection.Interface.Addressing1',
  ],
  classes: [],
  attach(account) {
    const blocking = new Blocking(account.client);
    // The roster is asked for before presence goes out, which makes the server tell of everyone. RFC 6121 §2.2
    attachList(account, blocking);
    attachPresence(account);
    attachGroups(account);
    attachBlocking(account, blocking);
    attachAliasing(account);
    attachAvatars(account);
    attachCapabilities(account);
    attachClientTypes(account);
    attachInfo(account);
    attachAddressing(account);
  },
};
