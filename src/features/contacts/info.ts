/** ContactInfo: people's cards. Connection.Interface.ContactInfo; XEP-0054 */
import type { Implementation } from '../../bus/object.ts';
import { Variant } from '../../bus/types.ts';
import { demand } from '../../errors.ts';
import { isXmlText } from '../../xmpp/element.ts';
import type { VCardField } from '../../xmpp/xep0054-vcard.ts';
import type { Account } from '../feature.ts';
import { contactOf, contactsOf } from './targets.ts';

const CONTACT_INFO = 'org.freedesktop.Telepathy.Connection.Interface.ContactInfo';

type Field = [name: string, parameters: string[], values: string[]];

/** Contact_Info_Flags (u): our own can be set. What contacts change is not pushed to us as such. */
const canSet = 1;
/** Contact_Info_Field_Flags (u): the parameters must be exactly those given. */
const exactly = 1;
const unbounded = 0xffff_ffff;

const single = ['n', 'fn', 'bday', 'nickname', 'title', 'role', 'note', 'desc', 'org', 'tz', 'geo'];
const several = ['tel', 'email', 'adr', 'label', 'url'];

/** What our own card may have: (name, parameters that may be given, flags, how many). */
const supportedFields: [string, string[], number, number][] = [
  ...single.map((name): [string, string[], number, number] => [name, [], exactly, 1]),
  ...several.map((name): [string, string[], number, number] => [name, name === 'url' ? [] : ['type=home', 'type=work', 'type=pref'], 0, unbounded]),
];

/** Of a card we write: its fields, the values of one, UTF-16 units of one value. */
const limits = { fields: 128, values: 16, value: 4096 };

export function attachInfo(account: Account): void {
  const { connection, vcards } = account;
  connection.contacts.provide(CONTACT_INFO, {
    info: (handle) => {
      const fields = vcards.known(account.jidOf(handle));
      return fields && new Variant('a(sasas)', fields.map(toField));
    },
  });
  vcards.events.on('changed', (owner, card) => {
    connection.object.emit(CONTACT_INFO, 'ContactInfoChanged', account.handleOf(owner), card.fields.map(toField));
  });
  connection.addInterface(CONTACT_INFO, {
    methods: {
      GetContactInfo: (_call, handles) =>
        new Map(contactsOf(account, handles).flatMap((jid) => {
          const fields = vcards.known(jid);
          return fields === undefined ? [] : [[account.handleOf(jid), fields.map(toField)] as const];
        })),
      RefreshContactInfo: (_call, handles) => {
        for (const jid of contactsOf(account, handles)) connection.tasks.run('contact info', async () => {
          await vcards.fetch(jid);
        });
      },
      RequestContactInfo: async (_call, handle) => {
        const jid = contactOf(account, handle);
        return (vcards.known(jid) ?? (await vcards.fetch(jid)).fields).map(toField);
      },
      SetContactInfo: async (_call, given) => {
        connection.requireConnected();
        const fields = fieldsOf(given);
        await vcards.edit(() => ({ fields }));
      },
    },
    properties: {
      ContactInfoFlags: () => canSet,
      SupportedFields: () => supportedFields,
    },
  } satisfies Implementation<typeof CONTACT_INFO>);
}

function toField({ name, parameters, values }: VCardField): Field {
  return [name, [...parameters], [...values]];
}

/** What a client wants on our card. Throws 'invalid-argument' for what `supportedFields` does not allow. */
function fieldsOf(given: readonly Field[]): VCardField[] {
  demand(given.length <= limits.fields, 'invalid-argument', `a card has at most ${limits.fields} fields`);
  for (const [name, , , max] of supportedFields) {
    demand(given.filter(([field]) => field === name).length <= max, 'invalid-argument', `a card has '${name}' at most ${max} times`);
  }
  return given.map(fromField).filter(({ values }) => values.some((value) => value !== ''));
}

function fromField([name, parameters, values]: Field): VCardField {
  const supported = supportedFields.find(([known]) => known === name);
  demand(supported !== undefined, 'invalid-argument', `a card has no field '${name.slice(0, 64)}' here`);
  demand(values.length <= limits.values && values.every((value) => isXmlText(value) && value.length <= limits.value), 'invalid-argument', `a value of '${name}' cannot be written`);
  // Clients put more parameters on what they show than cards of XMPP have.
  const [, known] = supported;
  return { name, parameters: parameters.map((parameter) => parameter.toLowerCase()).filter((parameter) => known.includes(parameter)), values };
}
