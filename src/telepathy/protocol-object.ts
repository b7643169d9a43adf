/** One protocol of the connection manager on the bus, for clients that are not connected yet. Telepathy specification, Protocol and Protocol.Interface.*. */
import type { Bus } from '../bus/connection.ts';
import type { InterfaceName } from '../bus/interfaces.ts';
import type { ExportedObject, Implementation } from '../bus/object.ts';
import { objectPath } from '../bus/types.ts';
import type { ObjectPath, VariantMap } from '../bus/types.ts';
import { HushError } from '../errors.ts';
import type { BaseConnection } from './base-connection.ts';
import type { ChannelClass } from './channel-request.ts';
import { PROTOCOL } from './constants.ts';
import { checkParameters, paramSpec } from './parameters.ts';
import type { Parameters, ParameterSpec } from './parameters.ts';

/** What avatars may be; 0 is no limit. Sizes in pixels, `maximumBytes` in bytes. */
export interface AvatarRequirements {
  readonly mimeTypes: readonly string[];
  readonly minimumWidth: number;
  readonly minimumHeight: number;
  readonly recommendedWidth: number;
  readonly recommendedHeight: number;
  readonly maximumWidth: number;
  readonly maximumHeight: number;
  readonly maximumBytes: number;
}

/** Contacts by vCard field and by URI. What the two functions throw as HushError('invalid-handle') reaches the client as InvalidArgument. */
export interface ProtocolAddressing {
  /** Lower case. */
  readonly vcardFields: readonly string[];
  /** Lower case. */
  readonly uriSchemes: readonly string[];
  normalizeVCardAddress(field: string, address: string): string;
  normalizeUri(uri: string): string;
}

export interface ProtocolDefinition {
  readonly name: string;
  readonly englishName: string;
  readonly icon: string;
  readonly vcardField: string;
  readonly parameters: readonly ParameterSpec[];
  readonly connectionInterfaces: readonly string[];
  readonly authenticationTypes: readonly string[];
  readonly classes: readonly ChannelClass[];
  /** Simple_Status_Spec by name: Connection_Presence_Type, may be set by the user, may have a message. */
  readonly statuses?: ReadonlyMap<string, readonly [type: number, isSettable: boolean, hasMessage: boolean]>;
  readonly avatars?: AvatarRequirements;
  readonly addressing?: ProtocolAddressing;
  /** The account that checked parameters speak of. Throws HushError('invalid-argument'). */
  identify(parameters: Parameters): string;
  /** The one spelling of a contact's identifier. Throws HushError('invalid-handle'). */
  normalize(id: string): string;
  /** A new connection for checked parameters, not exported yet, without any effect before it is told to connect. Throws HushError. */
  newConnection(parameters: Parameters): Promise<BaseConnection>;
}

export class ProtocolObject {
  readonly definition: ProtocolDefinition;
  readonly #object: ExportedObject;
  readonly #interfaces: InterfaceName[] = [];

  /** `manager`: path of the connection manager. */
  constructor(bus: Bus, manager: ObjectPath, definition: ProtocolDefinition) {
    this.definition = definition;
    this.#object = bus.objects.export(objectPath(`${manager}/${definition.name.replaceAll('-', '_')}`));
    this.#implement(PROTOCOL, this.#protocol());
    const { statuses, avatars, addressing } = definition;
    if (statuses !== undefined) {
      this.#implement('org.freedesktop.Telepathy.Protocol.Interface.Presence', { properties: { Statuses: () => new Map([...statuses].map(([name, [...status]]) => [name, status])) } });
    }
    if (avatars !== undefined) {
      this.#implement('org.freedesktop.Telepathy.Protocol.Interface.Avatars', {
        properties: {
          SupportedAvatarMIMETypes: () => [...avatars.mimeTypes],
          MinimumAvatarWidth: () => avatars.minimumWidth,
          MinimumAvatarHeight: () => avatars.minimumHeight,
          RecommendedAvatarWidth: () => avatars.recommendedWidth,
          RecommendedAvatarHeight: () => avatars.recommendedHeight,
          MaximumAvatarWidth: () => avatars.maximumWidth,
          MaximumAvatarHeight: () => avatars.maximumHeight,
          MaximumAvatarBytes: () => avatars.maximumBytes,
        },
      });
    }
    if (addressing !== undefined) this.#implement('org.freedesktop.Telepathy.Protocol.Interface.Addressing', addressingOf(addressing));
  }

  /** Everything there is to know of the protocol, fully qualified: none of it ever changes. */
  get properties(): VariantMap {
    const interfaces: readonly InterfaceName[] = [PROTOCOL, ...this.#interfaces];
    return new Map(interfaces.flatMap((name) => [...this.#object.getAll(name)].map(([property, value]) => [`${name}.${property}`, value] as const)));
  }

  unexport(): void {
    this.#object.unexport();
  }

  #implement<N extends InterfaceName>(name: N, implementation: Implementation<N>): void {
    this.#object.implement(name, implementation);
    if (name !== PROTOCOL) this.#interfaces.push(name);
  }

  #protocol(): Implementation<typeof PROTOCOL> {
    const { definition } = this;
    return {
      methods: {
        IdentifyAccount: (_call, parameters) => definition.identify(checkParameters(definition.parameters, parameters)),
        NormalizeContact: (_call, id) => definition.normalize(id),
      },
      properties: {
        Interfaces: () => [...this.#interfaces],
        Parameters: () => definition.parameters.map(paramSpec),
        ConnectionInterfaces: () => [...definition.connectionInterfaces],
        RequestableChannelClasses: () => definition.classes.map(({ fixed, allowed }) => [fixed, allowed]),
        VCardField: () => definition.vcardField,
        EnglishName: () => definition.englishName,
        Icon: () => definition.icon,
        AuthenticationTypes: () => [...definition.authenticationTypes],
      },
    };
  }
}

function addressingOf(addressing: ProtocolAddressing): Implementation<'org.freedesktop.Telepathy.Protocol.Interface.Addressing'> {
  return {
    methods: {
      NormalizeVCardAddress: (_call, field, address) => {
        if (!addressing.vcardFields.includes(field.toLowerCase())) throw new HushError('not-implemented', 'contacts have no addresses in this vCard field');
        return wellFormed(() => addressing.normalizeVCardAddress(field.toLowerCase(), address));
      },
      NormalizeContactURI: (_call, uri) => {
        const colon = uri.indexOf(':');
        if (colon < 1) throw new HushError('invalid-argument', 'a URI starts with a scheme and a colon');
        if (!addressing.uriSchemes.includes(uri.slice(0, colon).toLowerCase())) throw new HushError('not-implemented', 'contacts have no URIs of this scheme');
        return wellFormed(() => addressing.normalizeUri(uri));
      },
    },
    properties: {
      AddressableVCardFields: () => [...addressing.vcardFields],
      AddressableURISchemes: () => [...addressing.uriSchemes],
    },
  };
}

/** An address that names no contact is a wrong argument here, not a wrong handle. */
function wellFormed(normalize: () => string): string {
  try {
    return normalize();
  } catch (error) {
    if (error instanceof HushError && (error.condition === 'invalid-handle' || error.condition === 'invalid-jid')) throw new HushError('invalid-argument', error.message, { cause: error });
    throw error;
  }
}
