/** Many attributes of many contacts in one call. Telepathy specification, Connection.Interface.Contacts. */
import type { InterfaceName } from '../bus/interfaces.ts';
import type { Implementation } from '../bus/object.ts';
import { str } from '../bus/types.ts';
import type { Variant, VariantMap } from '../bus/types.ts';
import { InvariantError } from '../errors.ts';
import { CONNECTION } from './constants.ts';
import type { CONTACTS } from './constants.ts';
import type { Handle, HandleRepository } from './handles.ts';

/** What an interface knows of a contact now, without asking the network: by the attribute's short name; undefined where there is nothing to say. */
export type AttributeProviders = Readonly<Record<string, (handle: Handle) => Variant | undefined>>;

/** `name` in full: `interface/attribute`. */
interface Attribute {
  readonly name: string;
  readonly read: (handle: Handle) => Variant | undefined;
}

export class Contacts {
  readonly #handles: HandleRepository;
  readonly #requireConnected: () => void;
  readonly #attributes = new Map<string, Attribute[]>();

  constructor(handles: HandleRepository, requireConnected: () => void) {
    this.#handles = handles;
    this.#requireConnected = requireConnected;
    this.provide(CONNECTION, { 'contact-id': (handle) => str(handles.id(handle)) });
  }

  /** Makes the attributes of one interface available. Before the connection is exported: the list of interfaces cannot change later. */
  provide(interfaceName: InterfaceName, attributes: AttributeProviders): void {
    if (this.#attributes.has(interfaceName)) throw new InvariantError(`contact attributes of ${interfaceName} twice`);
    this.#attributes.set(interfaceName, Object.entries(attributes).map(([name, read]) => ({ name: `${interfaceName}/${name}`, read })));
  }

  /** What is known of these contacts on these interfaces; the identifier always. Invalid handles and unknown interfaces are left out. */
  attributes(handles: Iterable<Handle>, interfaces: Iterable<string>): Map<Handle, VariantMap> {
    const read = this.#reader(interfaces);
    const attributes = new Map<Handle, VariantMap>();
    for (const handle of handles) {
      if (this.#handles.isValid(handle)) attributes.set(handle, read(handle));
    }
    return attributes;
  }

  get implementation(): Implementation<typeof CONTACTS> {
    return {
      methods: {
        GetContactAttributes: (_call, handles, interfaces) => {
          this.#requireConnected();
          return this.attributes(handles, interfaces);
        },
        GetContactByID: (_call, id, interfaces) => {
          this.#requireConnected();
          const handle = this.#handles.ensure(id);
          return [handle, this.#reader(interfaces)(handle)];
        },
      },
      properties: { ContactAttributeInterfaces: () => [...this.#attributes.keys()] },
    };
  }

  /** All attributes of these interfaces of one valid handle. */
  #reader(interfaces: Iterable<string>): (handle: Handle) => VariantMap {
    const wanted = [...new Set([CONNECTION, ...interfaces])].flatMap((name) => this.#attributes.get(name) ?? []);
    return (handle) => {
      const attributes: VariantMap = new Map();
      for (const { name, read } of wanted) {
        const value = read(handle);
        if (value !== undefined) attributes.set(name, value);
      }
      return attributes;
    };
  }
}
