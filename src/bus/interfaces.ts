/** Generated from interfaces/ by `npm run introspect`, never edited by hand: the D-Bus interfaces of hush as types and as tables for run time. */
import type { InterfaceTable } from './tables.ts';
import type { ObjectPath, Variant, VariantMap } from './types.ts';

/** What the compiler knows of every interface, as an `InterfaceShape`. All values as they are decoded. */
export interface InterfaceMap {
  /** What an object is made of. */
  'org.freedesktop.DBus.Introspectable': {
    methods: {
      /** The interfaces of this object and the names of its children, as XML. */
      Introspect: { in: []; out: [xmlData: string] };
    };
    properties: {};
    signals: {};
  };
  /** Is the program behind an object alive, and where. */
  'org.freedesktop.DBus.Peer': {
    methods: {
      /** Does nothing and answers. */
      Ping: { in: []; out: [] };
      /** The identifier of the machine, as 32 hexadecimal digits. */
      GetMachineId: { in: []; out: [machineUuid: string] };
    };
    properties: {};
    signals: {};
  };
  /** Reading and writing the properties of an object. */
  'org.freedesktop.DBus.Properties': {
    methods: {
      /** The value of one property, as it is now. */
      Get: { in: [interfaceName: string, propertyName: string]; out: [value: Variant] };
      /** Gives a writable property a new value. */
      Set: { in: [interfaceName: string, propertyName: string, value: Variant]; out: [] };
      /** All readable properties of one interface, by unqualified name. */
      GetAll: { in: [interfaceName: string]; out: [props: VariantMap] };
    };
    properties: {};
    signals: {
      /** Properties of one interface have new values; names without a value must be asked for. */
      PropertiesChanged: [interfaceName: string, changedProperties: VariantMap, invalidatedProperties: string[]];
    };
  };
  'org.freedesktop.Telepathy.Authentication.TLSCertificate': {
    methods: {
      Accept: { in: []; out: [] };
      Reject: { in: [rejections: [number, string, VariantMap][]]; out: [] };
    };
    properties: {
      State: { type: number; access: 'read' };
      Rejections: { type: [number, string, VariantMap][]; access: 'read' };
      CertificateType: { type: string; access: 'read' };
      CertificateChainData: { type: Buffer[]; access: 'read' };
    };
    signals: {
      Accepted: [];
      Rejected: [rejections: [number, string, VariantMap][]];
    };
  };
  'org.freedesktop.Telepathy.Channel': {
    methods: {
      Close: { in: []; out: [] };
      /** Deprecated. */
      GetChannelType: { in: []; out: [channelType: string] };
      /** Deprecated. */
      GetHandle: { in: []; out: [targetHandleType: number, targetHandle: number] };
      /** Deprecated. */
      GetInterfaces: { in: []; out: [interfaces: string[]] };
    };
    properties: {
      ChannelType: { type: string; access: 'read' };
      Interfaces: { type: string[]; access: 'read' };
      TargetHandle: { type: number; access: 'read' };
      TargetID: { type: string; access: 'read' };
      TargetHandleType: { type: number; access: 'read' };
      Requested: { type: boolean; access: 'read' };
      InitiatorHandle: { type: number; access: 'read' };
      InitiatorID: { type: string; access: 'read' };
    };
    signals: {
      Closed: [];
    };
  };
  'org.freedesktop.Telepathy.Channel.Interface.ChatState': {
    methods: {
      SetChatState: { in: [state: number]; out: [] };
    };
    properties: {
      ChatStates: { type: Map<number, number>; access: 'read' };
    };
    signals: {
      ChatStateChanged: [contact: number, state: number];
    };
  };
  'org.freedesktop.Telepathy.Channel.Interface.Destroyable': {
    methods: {
      Destroy: { in: []; out: [] };
    };
    properties: {};
    signals: {};
  };
  'org.freedesktop.Telepathy.Channel.Interface.Messages': {
    methods: {
      SendMessage: { in: [message: VariantMap[], flags: number]; out: [token: string] };
      /** Deprecated. */
      GetPendingMessageContent: { in: [messageId: number, parts: number[]]; out: [content: Map<number, Variant>] };
    };
    properties: {
      SupportedContentTypes: { type: string[]; access: 'read' };
      MessageTypes: { type: number[]; access: 'read' };
      MessagePartSupportFlags: { type: number; access: 'read' };
      PendingMessages: { type: VariantMap[][]; access: 'read' };
      DeliveryReportingSupport: { type: number; access: 'read' };
    };
    signals: {
      MessageSent: [content: VariantMap[], flags: number, messageToken: string];
      PendingMessagesRemoved: [messageIds: number[]];
      MessageReceived: [message: VariantMap[]];
    };
  };
  'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication': {
    methods: {
      StartMechanism: { in: [mechanism: string]; out: [] };
      StartMechanismWithData: { in: [mechanism: string, initialData: Buffer]; out: [] };
      Respond: { in: [responseData: Buffer]; out: [] };
      AcceptSASL: { in: []; out: [] };
      AbortSASL: { in: [reason: number, debugMessage: string]; out: [] };
    };
    properties: {
      AvailableMechanisms: { type: string[]; access: 'read' };
      HasInitialData: { type: boolean; access: 'read' };
      CanTryAgain: { type: boolean; access: 'read' };
      SASLStatus: { type: number; access: 'read' };
      SASLError: { type: string; access: 'read' };
      SASLErrorDetails: { type: VariantMap; access: 'read' };
      AuthorizationIdentity: { type: string; access: 'read' };
      DefaultUsername: { type: string; access: 'read' };
      DefaultRealm: { type: string; access: 'read' };
      MaySaveResponse: { type: boolean; access: 'read' };
    };
    signals: {
      SASLStatusChanged: [status: number, reason: string, details: VariantMap];
      NewChallenge: [challengeData: Buffer];
    };
  };
  'org.freedesktop.Telepathy.Channel.Interface.Securable': {
    methods: {};
    properties: {
      Encrypted: { type: boolean; access: 'read' };
      Verified: { type: boolean; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication': {
    methods: {};
    properties: {
      AuthenticationMethod: { type: string; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection': {
    methods: {};
    properties: {
      ServerCertificate: { type: ObjectPath; access: 'read' };
      Hostname: { type: string; access: 'read' };
      ReferenceIdentities: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Channel.Type.Text': {
    methods: {
      AcknowledgePendingMessages: { in: [ids: number[]]; out: [] };
      /** Deprecated. */
      GetMessageTypes: { in: []; out: [availableTypes: number[]] };
      /** Deprecated. */
      ListPendingMessages: { in: [clear: boolean]; out: [pendingMessages: [number, number, number, number, number, string][]] };
      /** Deprecated. */
      Send: { in: [type: number, text: string]; out: [] };
    };
    properties: {};
    signals: {
      /** Deprecated. */
      LostMessage: [];
      /** Deprecated. */
      Received: [id: number, timestamp: number, sender: number, type: number, flags: number, text: string];
      /** Deprecated. */
      SendError: [error: number, timestamp: number, type: number, text: string];
      /** Deprecated. */
      Sent: [timestamp: number, type: number, text: string];
    };
  };
  'org.freedesktop.Telepathy.Connection': {
    methods: {
      Connect: { in: []; out: [] };
      Disconnect: { in: []; out: [] };
      GetInterfaces: { in: []; out: [interfaces: string[]] };
      GetProtocol: { in: []; out: [protocol: string] };
      /** Deprecated. */
      GetSelfHandle: { in: []; out: [selfHandle: number] };
      GetStatus: { in: []; out: [status: number] };
      HoldHandles: { in: [handleType: number, handles: number[]]; out: [] };
      InspectHandles: { in: [handleType: number, handles: number[]]; out: [identifiers: string[]] };
      /** Deprecated. */
      ListChannels: { in: []; out: [channelInfo: [ObjectPath, string, number, number][]] };
      ReleaseHandles: { in: [handleType: number, handles: number[]]; out: [] };
      /** Deprecated. */
      RequestChannel: { in: [type: string, handleType: number, handle: number, suppressHandler: boolean]; out: [objectPath: ObjectPath] };
      RequestHandles: { in: [handleType: number, identifiers: string[]]; out: [handles: number[]] };
      AddClientInterest: { in: [tokens: string[]]; out: [] };
      RemoveClientInterest: { in: [tokens: string[]]; out: [] };
    };
    properties: {
      Interfaces: { type: string[]; access: 'read' };
      SelfHandle: { type: number; access: 'read' };
      SelfID: { type: string; access: 'read' };
      Status: { type: number; access: 'read' };
      HasImmortalHandles: { type: boolean; access: 'read' };
    };
    signals: {
      /** Deprecated. */
      SelfHandleChanged: [selfHandle: number];
      SelfContactChanged: [selfHandle: number, selfId: string];
      /** Deprecated. */
      NewChannel: [objectPath: ObjectPath, channelType: string, handleType: number, handle: number, suppressHandler: boolean];
      ConnectionError: [error: string, details: VariantMap];
      StatusChanged: [status: number, reason: number];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.Addressing1': {
    methods: {
      GetContactsByVCardField: { in: [field: string, addresses: string[], interfaces: string[]]; out: [requested: Map<string, number>, attributes: Map<number, VariantMap>] };
      GetContactsByURI: { in: [uris: string[], interfaces: string[]]; out: [requested: Map<string, number>, attributes: Map<number, VariantMap>] };
    };
    properties: {};
    signals: {};
  };
  'org.freedesktop.Telepathy.Connection.Interface.Aliasing': {
    methods: {
      GetAliasFlags: { in: []; out: [aliasFlags: number] };
      RequestAliases: { in: [contacts: number[]]; out: [aliases: string[]] };
      GetAliases: { in: [contacts: number[]]; out: [aliases: Map<number, string>] };
      SetAliases: { in: [aliases: Map<number, string>]; out: [] };
    };
    properties: {};
    signals: {
      AliasesChanged: [aliases: [number, string][]];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.Avatars': {
    methods: {
      /** Deprecated. */
      GetAvatarRequirements: { in: []; out: [mimeTypes: string[], minWidth: number, minHeight: number, maxWidth: number, maxHeight: number, maxBytes: number] };
      /** Deprecated. */
      GetAvatarTokens: { in: [contacts: number[]]; out: [tokens: string[]] };
      GetKnownAvatarTokens: { in: [contacts: number[]]; out: [tokens: Map<number, string>] };
      /** Deprecated. */
      RequestAvatar: { in: [contact: number]; out: [data: Buffer, mimeType: string] };
      RequestAvatars: { in: [contacts: number[]]; out: [] };
      SetAvatar: { in: [avatar: Buffer, mimeType: string]; out: [token: string] };
      ClearAvatar: { in: []; out: [] };
    };
    properties: {
      SupportedAvatarMIMETypes: { type: string[]; access: 'read' };
      MinimumAvatarHeight: { type: number; access: 'read' };
      MinimumAvatarWidth: { type: number; access: 'read' };
      RecommendedAvatarHeight: { type: number; access: 'read' };
      RecommendedAvatarWidth: { type: number; access: 'read' };
      MaximumAvatarHeight: { type: number; access: 'read' };
      MaximumAvatarWidth: { type: number; access: 'read' };
      MaximumAvatarBytes: { type: number; access: 'read' };
    };
    signals: {
      AvatarUpdated: [contact: number, newAvatarToken: string];
      AvatarRetrieved: [contact: number, token: string, avatar: Buffer, type: string];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ClientTypes': {
    methods: {
      GetClientTypes: { in: [contacts: number[]]; out: [clientTypes: Map<number, string[]>] };
      RequestClientTypes: { in: [contact: number]; out: [clientTypes: string[]] };
    };
    properties: {};
    signals: {
      ClientTypesUpdated: [contact: number, clientTypes: string[]];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ContactBlocking': {
    methods: {
      BlockContacts: { in: [contacts: number[], reportAbusive: boolean]; out: [] };
      UnblockContacts: { in: [contacts: number[]]; out: [] };
      RequestBlockedContacts: { in: []; out: [contacts: Map<number, string>] };
    };
    properties: {
      ContactBlockingCapabilities: { type: number; access: 'read' };
    };
    signals: {
      BlockedContactsChanged: [blockedContacts: Map<number, string>, unblockedContacts: Map<number, string>];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities': {
    methods: {
      UpdateCapabilities: { in: [handlerCapabilities: [string, VariantMap[], string[]][]]; out: [] };
      GetContactCapabilities: { in: [handles: number[]]; out: [contactCapabilities: Map<number, [VariantMap, string[]][]>] };
    };
    properties: {};
    signals: {
      ContactCapabilitiesChanged: [caps: Map<number, [VariantMap, string[]][]>];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ContactGroups': {
    methods: {
      SetContactGroups: { in: [contact: number, groups: string[]]; out: [] };
      SetGroupMembers: { in: [group: string, members: number[]]; out: [] };
      AddToGroup: { in: [group: string, members: number[]]; out: [] };
      RemoveFromGroup: { in: [group: string, members: number[]]; out: [] };
      RemoveGroup: { in: [group: string]; out: [] };
      RenameGroup: { in: [oldName: string, newName: string]; out: [] };
    };
    properties: {
      DisjointGroups: { type: boolean; access: 'read' };
      GroupStorage: { type: number; access: 'read' };
      Groups: { type: string[]; access: 'read' };
    };
    signals: {
      GroupsChanged: [contact: number[], added: string[], removed: string[]];
      GroupsCreated: [names: string[]];
      GroupRenamed: [oldName: string, newName: string];
      GroupsRemoved: [names: string[]];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ContactInfo': {
    methods: {
      GetContactInfo: { in: [contacts: number[]]; out: [contactInfo: Map<number, [string, string[], string[]][]>] };
      RefreshContactInfo: { in: [contacts: number[]]; out: [] };
      RequestContactInfo: { in: [contact: number]; out: [contactInfo: [string, string[], string[]][]] };
      SetContactInfo: { in: [contactInfo: [string, string[], string[]][]]; out: [] };
    };
    properties: {
      ContactInfoFlags: { type: number; access: 'read' };
      SupportedFields: { type: [string, string[], number, number][]; access: 'read' };
    };
    signals: {
      ContactInfoChanged: [contact: number, contactInfo: [string, string[], string[]][]];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.ContactList': {
    methods: {
      GetContactListAttributes: { in: [interfaces: string[], hold: boolean]; out: [attributes: Map<number, VariantMap>] };
      RequestSubscription: { in: [contacts: number[], message: string]; out: [] };
      AuthorizePublication: { in: [contacts: number[]]; out: [] };
      RemoveContacts: { in: [contacts: number[]]; out: [] };
      Unsubscribe: { in: [contacts: number[]]; out: [] };
      Unpublish: { in: [contacts: number[]]; out: [] };
      Download: { in: []; out: [] };
    };
    properties: {
      ContactListState: { type: number; access: 'read' };
      ContactListPersists: { type: boolean; access: 'read' };
      CanChangeContactList: { type: boolean; access: 'read' };
      RequestUsesMessage: { type: boolean; access: 'read' };
      DownloadAtConnection: { type: boolean; access: 'read' };
    };
    signals: {
      ContactListStateChanged: [contactListState: number];
      ContactsChangedWithID: [changes: Map<number, [number, number, string]>, identifiers: Map<number, string>, removals: Map<number, string>];
      /** Deprecated. */
      ContactsChanged: [changes: Map<number, [number, number, string]>, removals: number[]];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.Contacts': {
    methods: {
      GetContactAttributes: { in: [handles: number[], interfaces: string[], hold: boolean]; out: [attributes: Map<number, VariantMap>] };
      GetContactByID: { in: [identifier: string, interfaces: string[]]; out: [handle: number, attributes: VariantMap] };
    };
    properties: {
      ContactAttributeInterfaces: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Connection.Interface.Requests': {
    methods: {
      CreateChannel: { in: [request: VariantMap]; out: [channel: ObjectPath, properties: VariantMap] };
      EnsureChannel: { in: [request: VariantMap]; out: [yours: boolean, channel: ObjectPath, properties: VariantMap] };
    };
    properties: {
      Channels: { type: [ObjectPath, VariantMap][]; access: 'read' };
      RequestableChannelClasses: { type: [VariantMap, string[]][]; access: 'read' };
    };
    signals: {
      NewChannels: [channels: [ObjectPath, VariantMap][]];
      ChannelClosed: [removed: ObjectPath];
    };
  };
  'org.freedesktop.Telepathy.Connection.Interface.SimplePresence': {
    methods: {
      SetPresence: { in: [status: string, statusMessage: string]; out: [] };
      GetPresences: { in: [contacts: number[]]; out: [presence: Map<number, [number, string, string]>] };
    };
    properties: {
      Statuses: { type: Map<string, [number, boolean, boolean]>; access: 'read' };
      MaximumStatusMessageLength: { type: number; access: 'read' };
    };
    signals: {
      PresencesChanged: [presence: Map<number, [number, string, string]>];
    };
  };
  'org.freedesktop.Telepathy.ConnectionManager': {
    methods: {
      GetParameters: { in: [protocol: string]; out: [parameters: [string, number, string, Variant][]] };
      ListProtocols: { in: []; out: [protocols: string[]] };
      RequestConnection: { in: [protocol: string, parameters: VariantMap]; out: [busName: string, objectPath: ObjectPath] };
    };
    properties: {
      Protocols: { type: Map<string, VariantMap>; access: 'read' };
      Interfaces: { type: string[]; access: 'read' };
    };
    signals: {
      NewConnection: [busName: string, objectPath: ObjectPath, protocol: string];
    };
  };
  'org.freedesktop.Telepathy.Protocol': {
    methods: {
      IdentifyAccount: { in: [parameters: VariantMap]; out: [accountId: string] };
      NormalizeContact: { in: [contactId: string]; out: [normalizedContactId: string] };
    };
    properties: {
      Interfaces: { type: string[]; access: 'read' };
      Parameters: { type: [string, number, string, Variant][]; access: 'read' };
      ConnectionInterfaces: { type: string[]; access: 'read' };
      RequestableChannelClasses: { type: [VariantMap, string[]][]; access: 'read' };
      VCardField: { type: string; access: 'read' };
      EnglishName: { type: string; access: 'read' };
      Icon: { type: string; access: 'read' };
      AuthenticationTypes: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Protocol.Interface.Addressing': {
    methods: {
      NormalizeVCardAddress: { in: [vCardField: string, vCardAddress: string]; out: [normalizedVCardAddress: string] };
      NormalizeContactURI: { in: [uri: string]; out: [normalizedUri: string] };
    };
    properties: {
      AddressableVCardFields: { type: string[]; access: 'read' };
      AddressableURISchemes: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Protocol.Interface.Avatars': {
    methods: {};
    properties: {
      SupportedAvatarMIMETypes: { type: string[]; access: 'read' };
      MinimumAvatarHeight: { type: number; access: 'read' };
      MinimumAvatarWidth: { type: number; access: 'read' };
      RecommendedAvatarHeight: { type: number; access: 'read' };
      RecommendedAvatarWidth: { type: number; access: 'read' };
      MaximumAvatarHeight: { type: number; access: 'read' };
      MaximumAvatarWidth: { type: number; access: 'read' };
      MaximumAvatarBytes: { type: number; access: 'read' };
    };
    signals: {};
  };
  'org.freedesktop.Telepathy.Protocol.Interface.Presence': {
    methods: {};
    properties: {
      Statuses: { type: Map<string, [number, boolean, boolean]>; access: 'read' };
    };
    signals: {};
  };
}

export type InterfaceName = keyof InterfaceMap;

export const interfaceTables: Readonly<Record<InterfaceName, InterfaceTable>> = {
  'org.freedesktop.DBus.Introspectable': {
    methods: {
      Introspect: { in: '', inNames: [], out: 's', outNames: ['xml_data'] },
    },
    properties: {},
    signals: {},
  },
  'org.freedesktop.DBus.Peer': {
    methods: {
      Ping: { in: '', inNames: [], out: '', outNames: [] },
      GetMachineId: { in: '', inNames: [], out: 's', outNames: ['machine_uuid'] },
    },
    properties: {},
    signals: {},
  },
  'org.freedesktop.DBus.Properties': {
    methods: {
      Get: { in: 'ss', inNames: ['interface_name', 'property_name'], out: 'v', outNames: ['value'] },
      Set: { in: 'ssv', inNames: ['interface_name', 'property_name', 'value'], out: '', outNames: [] },
      GetAll: { in: 's', inNames: ['interface_name'], out: 'a{sv}', outNames: ['props'] },
    },
    properties: {},
    signals: {
      PropertiesChanged: { signature: 'sa{sv}as', names: ['interface_name', 'changed_properties', 'invalidated_properties'] },
    },
  },
  'org.freedesktop.Telepathy.Authentication.TLSCertificate': {
    methods: {
      Accept: { in: '', inNames: [], out: '', outNames: [] },
      Reject: { in: 'a(usa{sv})', inNames: ['Rejections'], out: '', outNames: [] },
    },
    properties: {
      State: { signature: 'u', access: 'read', emitsChange: 'false' },
      Rejections: { signature: 'a(usa{sv})', access: 'read', emitsChange: 'false' },
      CertificateType: { signature: 's', access: 'read', emitsChange: 'const' },
      CertificateChainData: { signature: 'aay', access: 'read', emitsChange: 'const' },
    },
    signals: {
      Accepted: { signature: '', names: [] },
      Rejected: { signature: 'a(usa{sv})', names: ['Rejections'] },
    },
  },
  'org.freedesktop.Telepathy.Channel': {
    methods: {
      Close: { in: '', inNames: [], out: '', outNames: [] },
      GetChannelType: { in: '', inNames: [], out: 's', outNames: ['Channel_Type'], deprecated: true },
      GetHandle: { in: '', inNames: [], out: 'uu', outNames: ['Target_Handle_Type', 'Target_Handle'], deprecated: true },
      GetInterfaces: { in: '', inNames: [], out: 'as', outNames: ['Interfaces'], deprecated: true },
    },
    properties: {
      ChannelType: { signature: 's', access: 'read', emitsChange: 'const' },
      Interfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
      TargetHandle: { signature: 'u', access: 'read', emitsChange: 'const' },
      TargetID: { signature: 's', access: 'read', emitsChange: 'const' },
      TargetHandleType: { signature: 'u', access: 'read', emitsChange: 'const' },
      Requested: { signature: 'b', access: 'read', emitsChange: 'const' },
      InitiatorHandle: { signature: 'u', access: 'read', emitsChange: 'const' },
      InitiatorID: { signature: 's', access: 'read', emitsChange: 'const' },
    },
    signals: {
      Closed: { signature: '', names: [] },
    },
  },
  'org.freedesktop.Telepathy.Channel.Interface.ChatState': {
    methods: {
      SetChatState: { in: 'u', inNames: ['State'], out: '', outNames: [] },
    },
    properties: {
      ChatStates: { signature: 'a{uu}', access: 'read', emitsChange: 'false' },
    },
    signals: {
      ChatStateChanged: { signature: 'uu', names: ['Contact', 'State'] },
    },
  },
  'org.freedesktop.Telepathy.Channel.Interface.Destroyable': {
    methods: {
      Destroy: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {},
    signals: {},
  },
  'org.freedesktop.Telepathy.Channel.Interface.Messages': {
    methods: {
      SendMessage: { in: 'aa{sv}u', inNames: ['Message', 'Flags'], out: 's', outNames: ['Token'] },
      GetPendingMessageContent: { in: 'uau', inNames: ['Message_ID', 'Parts'], out: 'a{uv}', outNames: ['Content'], deprecated: true },
    },
    properties: {
      SupportedContentTypes: { signature: 'as', access: 'read', emitsChange: 'const' },
      MessageTypes: { signature: 'au', access: 'read', emitsChange: 'const' },
      MessagePartSupportFlags: { signature: 'u', access: 'read', emitsChange: 'const' },
      PendingMessages: { signature: 'aaa{sv}', access: 'read', emitsChange: 'false' },
      DeliveryReportingSupport: { signature: 'u', access: 'read', emitsChange: 'const' },
    },
    signals: {
      MessageSent: { signature: 'aa{sv}us', names: ['Content', 'Flags', 'Message_Token'] },
      PendingMessagesRemoved: { signature: 'au', names: ['Message_IDs'] },
      MessageReceived: { signature: 'aa{sv}', names: ['Message'] },
    },
  },
  'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication': {
    methods: {
      StartMechanism: { in: 's', inNames: ['Mechanism'], out: '', outNames: [] },
      StartMechanismWithData: { in: 'say', inNames: ['Mechanism', 'Initial_Data'], out: '', outNames: [] },
      Respond: { in: 'ay', inNames: ['Response_Data'], out: '', outNames: [] },
      AcceptSASL: { in: '', inNames: [], out: '', outNames: [] },
      AbortSASL: { in: 'us', inNames: ['Reason', 'Debug_Message'], out: '', outNames: [] },
    },
    properties: {
      AvailableMechanisms: { signature: 'as', access: 'read', emitsChange: 'const' },
      HasInitialData: { signature: 'b', access: 'read', emitsChange: 'const' },
      CanTryAgain: { signature: 'b', access: 'read', emitsChange: 'const' },
      SASLStatus: { signature: 'u', access: 'read', emitsChange: 'false' },
      SASLError: { signature: 's', access: 'read', emitsChange: 'false' },
      SASLErrorDetails: { signature: 'a{sv}', access: 'read', emitsChange: 'false' },
      AuthorizationIdentity: { signature: 's', access: 'read', emitsChange: 'const' },
      DefaultUsername: { signature: 's', access: 'read', emitsChange: 'const' },
      DefaultRealm: { signature: 's', access: 'read', emitsChange: 'const' },
      MaySaveResponse: { signature: 'b', access: 'read', emitsChange: 'const' },
    },
    signals: {
      SASLStatusChanged: { signature: 'usa{sv}', names: ['Status', 'Reason', 'Details'] },
      NewChallenge: { signature: 'ay', names: ['Challenge_Data'] },
    },
  },
  'org.freedesktop.Telepathy.Channel.Interface.Securable': {
    methods: {},
    properties: {
      Encrypted: { signature: 'b', access: 'read', emitsChange: 'true' },
      Verified: { signature: 'b', access: 'read', emitsChange: 'true' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication': {
    methods: {},
    properties: {
      AuthenticationMethod: { signature: 's', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection': {
    methods: {},
    properties: {
      ServerCertificate: { signature: 'o', access: 'read', emitsChange: 'const' },
      Hostname: { signature: 's', access: 'read', emitsChange: 'const' },
      ReferenceIdentities: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Channel.Type.Text': {
    methods: {
      AcknowledgePendingMessages: { in: 'au', inNames: ['IDs'], out: '', outNames: [] },
      GetMessageTypes: { in: '', inNames: [], out: 'au', outNames: ['Available_Types'], deprecated: true },
      ListPendingMessages: { in: 'b', inNames: ['Clear'], out: 'a(uuuuus)', outNames: ['Pending_Messages'], deprecated: true },
      Send: { in: 'us', inNames: ['Type', 'Text'], out: '', outNames: [], deprecated: true },
    },
    properties: {},
    signals: {
      LostMessage: { signature: '', names: [], deprecated: true },
      Received: { signature: 'uuuuus', names: ['ID', 'Timestamp', 'Sender', 'Type', 'Flags', 'Text'], deprecated: true },
      SendError: { signature: 'uuus', names: ['Error', 'Timestamp', 'Type', 'Text'], deprecated: true },
      Sent: { signature: 'uus', names: ['Timestamp', 'Type', 'Text'], deprecated: true },
    },
  },
  'org.freedesktop.Telepathy.Connection': {
    methods: {
      Connect: { in: '', inNames: [], out: '', outNames: [] },
      Disconnect: { in: '', inNames: [], out: '', outNames: [] },
      GetInterfaces: { in: '', inNames: [], out: 'as', outNames: ['Interfaces'] },
      GetProtocol: { in: '', inNames: [], out: 's', outNames: ['Protocol'] },
      GetSelfHandle: { in: '', inNames: [], out: 'u', outNames: ['Self_Handle'], deprecated: true },
      GetStatus: { in: '', inNames: [], out: 'u', outNames: ['Status'] },
      HoldHandles: { in: 'uau', inNames: ['Handle_Type', 'Handles'], out: '', outNames: [] },
      InspectHandles: { in: 'uau', inNames: ['Handle_Type', 'Handles'], out: 'as', outNames: ['Identifiers'] },
      ListChannels: { in: '', inNames: [], out: 'a(osuu)', outNames: ['Channel_Info'], deprecated: true },
      ReleaseHandles: { in: 'uau', inNames: ['Handle_Type', 'Handles'], out: '', outNames: [] },
      RequestChannel: { in: 'suub', inNames: ['Type', 'Handle_Type', 'Handle', 'Suppress_Handler'], out: 'o', outNames: ['Object_Path'], deprecated: true },
      RequestHandles: { in: 'uas', inNames: ['Handle_Type', 'Identifiers'], out: 'au', outNames: ['Handles'] },
      AddClientInterest: { in: 'as', inNames: ['Tokens'], out: '', outNames: [] },
      RemoveClientInterest: { in: 'as', inNames: ['Tokens'], out: '', outNames: [] },
    },
    properties: {
      Interfaces: { signature: 'as', access: 'read', emitsChange: 'false' },
      SelfHandle: { signature: 'u', access: 'read', emitsChange: 'false' },
      SelfID: { signature: 's', access: 'read', emitsChange: 'false' },
      Status: { signature: 'u', access: 'read', emitsChange: 'false' },
      HasImmortalHandles: { signature: 'b', access: 'read', emitsChange: 'const' },
    },
    signals: {
      SelfHandleChanged: { signature: 'u', names: ['Self_Handle'], deprecated: true },
      SelfContactChanged: { signature: 'us', names: ['Self_Handle', 'Self_ID'] },
      NewChannel: { signature: 'osuub', names: ['Object_Path', 'Channel_Type', 'Handle_Type', 'Handle', 'Suppress_Handler'], deprecated: true },
      ConnectionError: { signature: 'sa{sv}', names: ['Error', 'Details'] },
      StatusChanged: { signature: 'uu', names: ['Status', 'Reason'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.Addressing1': {
    methods: {
      GetContactsByVCardField: { in: 'sasas', inNames: ['Field', 'Addresses', 'Interfaces'], out: 'a{su}a{ua{sv}}', outNames: ['Requested', 'Attributes'] },
      GetContactsByURI: { in: 'asas', inNames: ['URIs', 'Interfaces'], out: 'a{su}a{ua{sv}}', outNames: ['Requested', 'Attributes'] },
    },
    properties: {},
    signals: {},
  },
  'org.freedesktop.Telepathy.Connection.Interface.Aliasing': {
    methods: {
      GetAliasFlags: { in: '', inNames: [], out: 'u', outNames: ['Alias_Flags'] },
      RequestAliases: { in: 'au', inNames: ['Contacts'], out: 'as', outNames: ['Aliases'] },
      GetAliases: { in: 'au', inNames: ['Contacts'], out: 'a{us}', outNames: ['Aliases'] },
      SetAliases: { in: 'a{us}', inNames: ['Aliases'], out: '', outNames: [] },
    },
    properties: {},
    signals: {
      AliasesChanged: { signature: 'a(us)', names: ['Aliases'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.Avatars': {
    methods: {
      GetAvatarRequirements: { in: '', inNames: [], out: 'asqqqqu', outNames: ['MIME_Types', 'Min_Width', 'Min_Height', 'Max_Width', 'Max_Height', 'Max_Bytes'], deprecated: true },
      GetAvatarTokens: { in: 'au', inNames: ['Contacts'], out: 'as', outNames: ['Tokens'], deprecated: true },
      GetKnownAvatarTokens: { in: 'au', inNames: ['Contacts'], out: 'a{us}', outNames: ['Tokens'] },
      RequestAvatar: { in: 'u', inNames: ['Contact'], out: 'ays', outNames: ['Data', 'MIME_Type'], deprecated: true },
      RequestAvatars: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      SetAvatar: { in: 'ays', inNames: ['Avatar', 'MIME_Type'], out: 's', outNames: ['Token'] },
      ClearAvatar: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      SupportedAvatarMIMETypes: { signature: 'as', access: 'read', emitsChange: 'false' },
      MinimumAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'false' },
      MinimumAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'false' },
      RecommendedAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'false' },
      RecommendedAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'false' },
      MaximumAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'false' },
      MaximumAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'false' },
      MaximumAvatarBytes: { signature: 'u', access: 'read', emitsChange: 'false' },
    },
    signals: {
      AvatarUpdated: { signature: 'us', names: ['Contact', 'New_Avatar_Token'] },
      AvatarRetrieved: { signature: 'usays', names: ['Contact', 'Token', 'Avatar', 'Type'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ClientTypes': {
    methods: {
      GetClientTypes: { in: 'au', inNames: ['Contacts'], out: 'a{uas}', outNames: ['Client_Types'] },
      RequestClientTypes: { in: 'u', inNames: ['Contact'], out: 'as', outNames: ['Client_Types'] },
    },
    properties: {},
    signals: {
      ClientTypesUpdated: { signature: 'uas', names: ['Contact', 'Client_Types'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ContactBlocking': {
    methods: {
      BlockContacts: { in: 'aub', inNames: ['Contacts', 'Report_Abusive'], out: '', outNames: [] },
      UnblockContacts: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      RequestBlockedContacts: { in: '', inNames: [], out: 'a{us}', outNames: ['Contacts'] },
    },
    properties: {
      ContactBlockingCapabilities: { signature: 'u', access: 'read', emitsChange: 'const' },
    },
    signals: {
      BlockedContactsChanged: { signature: 'a{us}a{us}', names: ['Blocked_Contacts', 'Unblocked_Contacts'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities': {
    methods: {
      UpdateCapabilities: { in: 'a(saa{sv}as)', inNames: ['Handler_Capabilities'], out: '', outNames: [] },
      GetContactCapabilities: { in: 'au', inNames: ['Handles'], out: 'a{ua(a{sv}as)}', outNames: ['Contact_Capabilities'] },
    },
    properties: {},
    signals: {
      ContactCapabilitiesChanged: { signature: 'a{ua(a{sv}as)}', names: ['caps'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ContactGroups': {
    methods: {
      SetContactGroups: { in: 'uas', inNames: ['Contact', 'Groups'], out: '', outNames: [] },
      SetGroupMembers: { in: 'sau', inNames: ['Group', 'Members'], out: '', outNames: [] },
      AddToGroup: { in: 'sau', inNames: ['Group', 'Members'], out: '', outNames: [] },
      RemoveFromGroup: { in: 'sau', inNames: ['Group', 'Members'], out: '', outNames: [] },
      RemoveGroup: { in: 's', inNames: ['Group'], out: '', outNames: [] },
      RenameGroup: { in: 'ss', inNames: ['Old_Name', 'New_Name'], out: '', outNames: [] },
    },
    properties: {
      DisjointGroups: { signature: 'b', access: 'read', emitsChange: 'false' },
      GroupStorage: { signature: 'u', access: 'read', emitsChange: 'false' },
      Groups: { signature: 'as', access: 'read', emitsChange: 'false' },
    },
    signals: {
      GroupsChanged: { signature: 'auasas', names: ['Contact', 'Added', 'Removed'] },
      GroupsCreated: { signature: 'as', names: ['Names'] },
      GroupRenamed: { signature: 'ss', names: ['Old_Name', 'New_Name'] },
      GroupsRemoved: { signature: 'as', names: ['Names'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ContactInfo': {
    methods: {
      GetContactInfo: { in: 'au', inNames: ['Contacts'], out: 'a{ua(sasas)}', outNames: ['ContactInfo'] },
      RefreshContactInfo: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      RequestContactInfo: { in: 'u', inNames: ['Contact'], out: 'a(sasas)', outNames: ['Contact_Info'] },
      SetContactInfo: { in: 'a(sasas)', inNames: ['ContactInfo'], out: '', outNames: [] },
    },
    properties: {
      ContactInfoFlags: { signature: 'u', access: 'read', emitsChange: 'false' },
      SupportedFields: { signature: 'a(sasuu)', access: 'read', emitsChange: 'false' },
    },
    signals: {
      ContactInfoChanged: { signature: 'ua(sasas)', names: ['Contact', 'ContactInfo'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.ContactList': {
    methods: {
      GetContactListAttributes: { in: 'asb', inNames: ['Interfaces', 'Hold'], out: 'a{ua{sv}}', outNames: ['Attributes'] },
      RequestSubscription: { in: 'aus', inNames: ['Contacts', 'Message'], out: '', outNames: [] },
      AuthorizePublication: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      RemoveContacts: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      Unsubscribe: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      Unpublish: { in: 'au', inNames: ['Contacts'], out: '', outNames: [] },
      Download: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      ContactListState: { signature: 'u', access: 'read', emitsChange: 'false' },
      ContactListPersists: { signature: 'b', access: 'read', emitsChange: 'false' },
      CanChangeContactList: { signature: 'b', access: 'read', emitsChange: 'false' },
      RequestUsesMessage: { signature: 'b', access: 'read', emitsChange: 'false' },
      DownloadAtConnection: { signature: 'b', access: 'read', emitsChange: 'false' },
    },
    signals: {
      ContactListStateChanged: { signature: 'u', names: ['Contact_List_State'] },
      ContactsChangedWithID: { signature: 'a{u(uus)}a{us}a{us}', names: ['Changes', 'Identifiers', 'Removals'] },
      ContactsChanged: { signature: 'a{u(uus)}au', names: ['Changes', 'Removals'], deprecated: true },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.Contacts': {
    methods: {
      GetContactAttributes: { in: 'auasb', inNames: ['Handles', 'Interfaces', 'Hold'], out: 'a{ua{sv}}', outNames: ['Attributes'] },
      GetContactByID: { in: 'sas', inNames: ['Identifier', 'Interfaces'], out: 'ua{sv}', outNames: ['Handle', 'Attributes'] },
    },
    properties: {
      ContactAttributeInterfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Connection.Interface.Requests': {
    methods: {
      CreateChannel: { in: 'a{sv}', inNames: ['Request'], out: 'oa{sv}', outNames: ['Channel', 'Properties'] },
      EnsureChannel: { in: 'a{sv}', inNames: ['Request'], out: 'boa{sv}', outNames: ['Yours', 'Channel', 'Properties'] },
    },
    properties: {
      Channels: { signature: 'a(oa{sv})', access: 'read', emitsChange: 'false' },
      RequestableChannelClasses: { signature: 'a(a{sv}as)', access: 'read', emitsChange: 'false' },
    },
    signals: {
      NewChannels: { signature: 'a(oa{sv})', names: ['Channels'] },
      ChannelClosed: { signature: 'o', names: ['Removed'] },
    },
  },
  'org.freedesktop.Telepathy.Connection.Interface.SimplePresence': {
    methods: {
      SetPresence: { in: 'ss', inNames: ['Status', 'Status_Message'], out: '', outNames: [] },
      GetPresences: { in: 'au', inNames: ['Contacts'], out: 'a{u(uss)}', outNames: ['Presence'] },
    },
    properties: {
      Statuses: { signature: 'a{s(ubb)}', access: 'read', emitsChange: 'false' },
      MaximumStatusMessageLength: { signature: 'u', access: 'read', emitsChange: 'false' },
    },
    signals: {
      PresencesChanged: { signature: 'a{u(uss)}', names: ['Presence'] },
    },
  },
  'org.freedesktop.Telepathy.ConnectionManager': {
    methods: {
      GetParameters: { in: 's', inNames: ['Protocol'], out: 'a(susv)', outNames: ['Parameters'] },
      ListProtocols: { in: '', inNames: [], out: 'as', outNames: ['Protocols'] },
      RequestConnection: { in: 'sa{sv}', inNames: ['Protocol', 'Parameters'], out: 'so', outNames: ['Bus_Name', 'Object_Path'] },
    },
    properties: {
      Protocols: { signature: 'a{sa{sv}}', access: 'read', emitsChange: 'const' },
      Interfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {
      NewConnection: { signature: 'sos', names: ['Bus_Name', 'Object_Path', 'Protocol'] },
    },
  },
  'org.freedesktop.Telepathy.Protocol': {
    methods: {
      IdentifyAccount: { in: 'a{sv}', inNames: ['Parameters'], out: 's', outNames: ['Account_ID'] },
      NormalizeContact: { in: 's', inNames: ['Contact_ID'], out: 's', outNames: ['Normalized_Contact_ID'] },
    },
    properties: {
      Interfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
      Parameters: { signature: 'a(susv)', access: 'read', emitsChange: 'const' },
      ConnectionInterfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
      RequestableChannelClasses: { signature: 'a(a{sv}as)', access: 'read', emitsChange: 'const' },
      VCardField: { signature: 's', access: 'read', emitsChange: 'const' },
      EnglishName: { signature: 's', access: 'read', emitsChange: 'const' },
      Icon: { signature: 's', access: 'read', emitsChange: 'const' },
      AuthenticationTypes: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Protocol.Interface.Addressing': {
    methods: {
      NormalizeVCardAddress: { in: 'ss', inNames: ['VCard_Field', 'VCard_Address'], out: 's', outNames: ['Normalized_VCard_Address'] },
      NormalizeContactURI: { in: 's', inNames: ['URI'], out: 's', outNames: ['Normalized_URI'] },
    },
    properties: {
      AddressableVCardFields: { signature: 'as', access: 'read', emitsChange: 'const' },
      AddressableURISchemes: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Protocol.Interface.Avatars': {
    methods: {},
    properties: {
      SupportedAvatarMIMETypes: { signature: 'as', access: 'read', emitsChange: 'const' },
      MinimumAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'const' },
      MinimumAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'const' },
      RecommendedAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'const' },
      RecommendedAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'const' },
      MaximumAvatarHeight: { signature: 'u', access: 'read', emitsChange: 'const' },
      MaximumAvatarWidth: { signature: 'u', access: 'read', emitsChange: 'const' },
      MaximumAvatarBytes: { signature: 'u', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Protocol.Interface.Presence': {
    methods: {},
    properties: {
      Statuses: { signature: 'a{s(ubb)}', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
};
