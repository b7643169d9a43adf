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
  /** A certificate waiting for a judgement. */
  'org.freedesktop.Telepathy.Authentication.TLSCertificate': {
    methods: {
      /** The certificate is good enough; the connection goes on. */
      Accept: { in: []; out: [] };
      /** The certificate is not good enough; the connection fails with the first of these reasons. */
      Reject: { in: [rejections: [number, string, VariantMap][]]; out: [] };
    };
    properties: {
      /** 0 pending, 1 accepted, 2 rejected. */
      State: { type: number; access: 'read' };
      /** After a rejection, why: reason, D-Bus error name, details. */
      Rejections: { type: [number, string, VariantMap][]; access: 'read' };
      /** x509. */
      CertificateType: { type: string; access: 'read' };
      /** The certificates in DER, the server's own first. */
      CertificateChainData: { type: Buffer[]; access: 'read' };
    };
    signals: {
      /** The certificate has been accepted. */
      Accepted: [];
      /** The certificate has been rejected. */
      Rejected: [rejections: [number, string, VariantMap][]];
    };
  };
  /** Something to do with somebody, open until it is closed. */
  'org.freedesktop.Telepathy.Channel': {
    methods: {
      /** Closes the channel. */
      Close: { in: []; out: [] };
      /** The property ChannelType, for old clients. Deprecated. */
      GetChannelType: { in: []; out: [channelType: string] };
      /** TargetHandleType and TargetHandle, for old clients. Deprecated. */
      GetHandle: { in: []; out: [targetHandleType: number, targetHandle: number] };
      /** The property Interfaces. Deprecated. */
      GetInterfaces: { in: []; out: [interfaces: string[]] };
    };
    properties: {
      /** The interface that says what the channel is for. */
      ChannelType: { type: string; access: 'read' };
      /** Further interfaces of the channel, without ChannelType. */
      Interfaces: { type: string[]; access: 'read' };
      /** Whom the channel is to, or 0. */
      TargetHandle: { type: number; access: 'read' };
      /** The identifier of TargetHandle, or empty. */
      TargetID: { type: string; access: 'read' };
      /** 0 none, 1 contact. */
      TargetHandleType: { type: number; access: 'read' };
      /** True when the user's side asked for the channel. */
      Requested: { type: boolean; access: 'read' };
      /** Who began it: the user, the contact, or 0. */
      InitiatorHandle: { type: number; access: 'read' };
      /** The identifier of InitiatorHandle. */
      InitiatorID: { type: string; access: 'read' };
    };
    signals: {
      /** The channel is gone, and its object with it. */
      Closed: [];
    };
  };
  /** Who is typing. */
  'org.freedesktop.Telepathy.Channel.Interface.ChatState': {
    methods: {
      /** What the user is doing. */
      SetChatState: { in: [state: number]; out: [] };
    };
    properties: {
      /** State of everyone whose state is known; whoever is not listed is inactive. */
      ChatStates: { type: Map<number, number>; access: 'read' };
    };
    signals: {
      /** Somebody's state, the user's own included, is another. */
      ChatStateChanged: [contact: number, state: number];
    };
  };
  /** Channels that can be done away with. */
  'org.freedesktop.Telepathy.Channel.Interface.Destroyable': {
    methods: {
      /** Closes the channel for good: unread messages are dropped, and it does not come back. */
      Destroy: { in: []; out: [] };
    };
    properties: {};
    signals: {};
  };
  /** Messages as lists of parts: part 0 is the header, the others are the content. */
  'org.freedesktop.Telepathy.Channel.Interface.Messages': {
    methods: {
      /** Sends a message and returns its token. */
      SendMessage: { in: [message: VariantMap[], flags: number]; out: [token: string] };
      /** Contents of some parts of a pending message, by part number, for old clients. Deprecated. */
      GetPendingMessageContent: { in: [messageId: number, parts: number[]]; out: [content: Map<number, Variant>] };
    };
    properties: {
      /** Content types that can be sent, best first. */
      SupportedContentTypes: { type: string[]; access: 'read' };
      /** Message types that can be sent: 0 normal, 1 action, 2 notice, 3 auto-reply, 4 delivery report. */
      MessageTypes: { type: number[]; access: 'read' };
      /** 1 one attachment, 2 several, 0 neither. */
      MessagePartSupportFlags: { type: number; access: 'read' };
      /** Messages not yet acknowledged, oldest first. */
      PendingMessages: { type: VariantMap[][]; access: 'read' };
      /** 1 failures are reported, 2 successes, 4 reading, 8 deletion. */
      DeliveryReportingSupport: { type: number; access: 'read' };
    };
    signals: {
      /** A message has left, by whatever program; the token is empty when there is none. */
      MessageSent: [content: VariantMap[], flags: number, messageToken: string];
      /** Messages have been acknowledged. */
      PendingMessagesRemoved: [messageIds: number[]];
      /** A message has come, and has been added to PendingMessages. */
      MessageReceived: [message: VariantMap[]];
    };
  };
  /** Who it is at the other end of a secured channel. */
  'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication': {
    methods: {
      /** The user has compared the number with the contact over another way. */
      ConfirmSafetyNumber: { in: [safetyNumber: string]; out: [] };
      /** The key of this session is not the contact's: the session ends, and the key counts as changed. */
      Distrust: { in: []; out: [] };
      /** Asks the contact for a secret that only the two know; the question may be empty. */
      StartSharedSecret: { in: [question: string, secret: string]; out: [] };
      /** Answers the contact's question. */
      AnswerSharedSecret: { in: [secret: string]; out: [] };
      /** Gives up the run that is under way. */
      AbortSharedSecret: { in: []; out: [] };
    };
    properties: {
      /** Of our own key in this session; empty without a session or when the key is made for one session only. */
      LocalFingerprint: { type: string; access: 'read' };
      /** Of the contact's key in this session; empty likewise. */
      RemoteFingerprint: { type: string; access: 'read' };
      /** Sixty digits in twelve groups of five, the same at both ends if and only if both see the same two keys; empty without a session that has them. */
      SafetyNumber: { type: string; access: 'read' };
      /** 0 unknown, 1 seen, 2 verified, 3 changed: the contact came with another key than the one that was verified. */
      Trust: { type: number; access: 'read' };
      /** What the contact asks while it waits for the answer to a shared secret; empty otherwise. */
      Question: { type: string; access: 'read' };
    };
    signals: {
      /** The contact asks for the secret. */
      SharedSecretRequested: [question: string];
      /** A run is over. */
      SharedSecretConcluded: [verified: boolean, error: string];
    };
  };
  /** A SASL exchange, answered by whoever knows the password. */
  'org.freedesktop.Telepathy.Channel.Interface.SASLAuthentication': {
    methods: {
      /** Starts a mechanism without data. */
      StartMechanism: { in: [mechanism: string]; out: [] };
      /** Starts a mechanism with its first data. */
      StartMechanismWithData: { in: [mechanism: string, initialData: Buffer]; out: [] };
      /** Answers the last challenge. */
      Respond: { in: [responseData: Buffer]; out: [] };
      /** The handler is content with the server. */
      AcceptSASL: { in: []; out: [] };
      /** The handler gives up: 0 the challenge made no sense, 1 the user does not want to. */
      AbortSASL: { in: [reason: number, debugMessage: string]; out: [] };
    };
    properties: {
      /** Mechanisms that can be started. */
      AvailableMechanisms: { type: string[]; access: 'read' };
      /** True: StartMechanismWithData can be called. */
      HasInitialData: { type: boolean; access: 'read' };
      /** True: after a refusal a mechanism can be started anew. */
      CanTryAgain: { type: boolean; access: 'read' };
      /** How far it is. */
      SASLStatus: { type: number; access: 'read' };
      /** After a refusal the D-Bus error name, else empty. */
      SASLError: { type: string; access: 'read' };
      /** More about SASLError, such as server-message (s) and debug-message (s). */
      SASLErrorDetails: { type: VariantMap; access: 'read' };
      /** Whom to act as, or empty. */
      AuthorizationIdentity: { type: string; access: 'read' };
      /** The user name that answers should carry. */
      DefaultUsername: { type: string; access: 'read' };
      /** The realm that answers should carry. */
      DefaultRealm: { type: string; access: 'read' };
      /** True: the answer may be kept for later. */
      MaySaveResponse: { type: boolean; access: 'read' };
    };
    signals: {
      /** SASLStatus, SASLError and SASLErrorDetails have new values. */
      SASLStatusChanged: [status: number, reason: string, details: VariantMap];
      /** The server asks. */
      NewChallenge: [challengeData: Buffer];
    };
  };
  /** What the channel promises, and how to ask for more. */
  'org.freedesktop.Telepathy.Channel.Interface.Securable': {
    methods: {
      /** Secures the channel now; returns when State is 2, on a secure channel at once. */
      Secure: { in: [mechanisms: string[]]; out: [] };
      /** Raises the demands; returns when all but Verified hold, starting a session if need be. */
      Require: { in: [properties: string[]]; out: [] };
      /** Ends the secured conversation in an authenticated way. */
      End: { in: []; out: [] };
    };
    properties: {
      /** Confidentiality: only this connection manager and one remote endpoint hold the keys. */
      Encrypted: { type: boolean; access: 'read' };
      /** Messages that were changed, inserted, reordered, replayed or deleted are detected. */
      IntegrityProtected: { type: boolean; access: 'read' };
      /** The end is authenticated too: a lost tail is known, and shown. */
      Complete: { type: boolean; access: 'read' };
      /** Strong authentication: the peer's key was confirmed by a shared secret, by comparing safety numbers, or by a certificate of a configured authority that names the contact. */
      Verified: { type: boolean; access: 'read' };
      /** The key is vouched for by the signalling path only, that is by both servers; implied by Verified. */
      WeaklyAuthenticated: { type: boolean; access: 'read' };
      /** The same key as in earlier conversations, whether or not it was ever verified. */
      KeyContinuity: { type: boolean; access: 'read' };
      /** A passive observer, the servers included, cannot tell which public keys are used. */
      WeaklyAnonymous: { type: boolean; access: 'read' };
      /** Neither can an active attacker. */
      StronglyAnonymous: { type: boolean; access: 'read' };
      /** No message of this or an earlier conversation is accepted as new. */
      ReplayProtected: { type: boolean; access: 'read' };
      /** A later compromise of long-term keys does not open a recorded conversation. */
      ForwardSecret: { type: boolean; access: 'read' };
      /** A transcript does not prove to a third party who wrote the content. */
      Deniable: { type: boolean; access: 'read' };
      /** It does. */
      NonRepudiable: { type: boolean; access: 'read' };
      /** The two ends compared inside the session what was negotiated outside, and agreed. */
      DowngradeResistant: { type: boolean; access: 'read' };
      /** 0 insecure: what is sent is plaintext. */
      State: { type: number; access: 'read' };
      /** Empty unless ended; then clean (ended by the contact), unauthenticated (cut off, by whomever), connection-lost, failed (could not be secured), key-changed, or local. */
      EndReason: { type: string; access: 'read' };
      /** What secures the channel, such as xtls; empty without. */
      Mechanism: { type: string; access: 'read' };
      /** What could be started with this contact now, best first. */
      AvailableMechanisms: { type: string[]; access: 'read' };
      /** The demands in force, by the names of the claims; only grows. */
      RequiredProperties: { type: string[]; access: 'read' };
      /** What can be denied: none, message (who wrote it) or participation (having taken part at all). */
      DeniabilityScope: { type: string; access: 'read' };
      /** For experts: tls-version, cipher-suite, key-agreement, peer-key-type, peer-fingerprint, verification- method (all s), verified-since (x, Unix time), previously-secured (b). */
      Details: { type: VariantMap; access: 'read' };
    };
    signals: {};
  };
  /** The server wants to know who is there; an authentication interface on this channel does the talking. */
  'org.freedesktop.Telepathy.Channel.Type.ServerAuthentication': {
    methods: {};
    properties: {
      /** The interface of this channel that does it. */
      AuthenticationMethod: { type: string; access: 'read' };
    };
    signals: {};
  };
  /** The server showed a certificate that somebody has to judge. */
  'org.freedesktop.Telepathy.Channel.Type.ServerTLSConnection': {
    methods: {};
    properties: {
      /** Path of the certificate object, on the bus name of the connection. */
      ServerCertificate: { type: ObjectPath; access: 'read' };
      /** The host name the user expects to talk to. */
      Hostname: { type: string; access: 'read' };
      /** The names, one of which the certificate must have; Hostname among them. */
      ReferenceIdentities: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  /** A conversation in text. */
  'org.freedesktop.Telepathy.Channel.Type.Text': {
    methods: {
      /** The user has seen these messages. */
      AcknowledgePendingMessages: { in: [ids: number[]]; out: [] };
      /** The property MessageTypes, for old clients. Deprecated. */
      GetMessageTypes: { in: []; out: [availableTypes: number[]] };
      /** Unread messages as identifier, Unix time, sender, type, flags and text; Clear acknowledges them. Deprecated. */
      ListPendingMessages: { in: [clear: boolean]; out: [pendingMessages: [number, number, number, number, number, string][]] };
      /** Sends text, for old clients. Deprecated. */
      Send: { in: [type: number, text: string]; out: [] };
    };
    properties: {};
    signals: {
      /** A message came that could not be kept. Deprecated. */
      LostMessage: [];
      /** A message came, for old clients. Deprecated. */
      Received: [id: number, timestamp: number, sender: number, type: number, flags: number, text: string];
      /** A message was not delivered, for old clients. Deprecated. */
      SendError: [error: number, timestamp: number, type: number, text: string];
      /** A message was sent, for old clients. Deprecated. */
      Sent: [timestamp: number, type: number, text: string];
    };
  };
  /** A program that the channel dispatcher tells of channels. */
  'org.freedesktop.Telepathy.Client': {
    methods: {};
    properties: {
      /** In what ways it wants to be told. */
      Interfaces: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  /** A client that sees channels before anybody handles them. */
  'org.freedesktop.Telepathy.Client.Observer': {
    methods: {
      /** There are new channels, of one connection. */
      ObserveChannels: { in: [account: ObjectPath, connection: ObjectPath, channels: [ObjectPath, VariantMap][], dispatchOperation: ObjectPath, requestsSatisfied: ObjectPath[], observerInfo: VariantMap]; out: [] };
    };
    properties: {
      /** Which channels: those whose immutable properties are as in one of these. */
      ObserverChannelFilter: { type: VariantMap[]; access: 'read' };
      /** Whether it wants to be told again of channels that were there when it was started. */
      Recover: { type: boolean; access: 'read' };
      /** Whether approvers, too, wait until it has returned, as handlers do. */
      DelayApprovers: { type: boolean; access: 'read' };
    };
    signals: {};
  };
  /** One account's connection to its server. */
  'org.freedesktop.Telepathy.Connection': {
    methods: {
      /** Starts to connect and returns at once; StatusChanged tells the rest. */
      Connect: { in: []; out: [] };
      /** Ends the connection, its channels and this object. */
      Disconnect: { in: []; out: [] };
      /** The property Interfaces, for old clients. */
      GetInterfaces: { in: []; out: [interfaces: string[]] };
      /** The name of the protocol. */
      GetProtocol: { in: []; out: [protocol: string] };
      /** The property SelfHandle, for old clients. Deprecated. */
      GetSelfHandle: { in: []; out: [selfHandle: number] };
      /** The property Status, for old clients. */
      GetStatus: { in: []; out: [status: number] };
      /** Does nothing but check: handles live as long as the connection. */
      HoldHandles: { in: [handleType: number, handles: number[]]; out: [] };
      /** The identifiers of handles, in the same order. */
      InspectHandles: { in: [handleType: number, handles: number[]]; out: [identifiers: string[]] };
      /** Path, channel type, handle type and handle of every channel. Deprecated. */
      ListChannels: { in: []; out: [channelInfo: [ObjectPath, string, number, number][]] };
      /** Does nothing but check; see HoldHandles. */
      ReleaseHandles: { in: [handleType: number, handles: number[]]; out: [] };
      /** Finds or makes a channel, the way it was done before Connection.Interface.Requests. Deprecated. */
      RequestChannel: { in: [type: string, handleType: number, handle: number, suppressHandler: boolean]; out: [objectPath: ObjectPath] };
      /** The handles of identifiers, in the same order; each is normalised first. */
      RequestHandles: { in: [handleType: number, identifiers: string[]]; out: [handles: number[]] };
      /** The caller wants updates that cost something to get, named by interface, until RemoveClientInterest or until it leaves the bus. */
      AddClientInterest: { in: [tokens: string[]]; out: [] };
      /** Takes back one AddClientInterest. */
      RemoveClientInterest: { in: [tokens: string[]]; out: [] };
    };
    properties: {
      /** Further interfaces of this connection; may grow until it is connected. */
      Interfaces: { type: string[]; access: 'read' };
      /** The contact that is the user, or 0 before it is known. */
      SelfHandle: { type: number; access: 'read' };
      /** The identifier of SelfHandle. */
      SelfID: { type: string; access: 'read' };
      /** 0 connected, 1 connecting, 2 disconnected. */
      Status: { type: number; access: 'read' };
      /** True: a handle stays valid as long as the connection, and is never given to another identifier. */
      HasImmortalHandles: { type: boolean; access: 'read' };
    };
    signals: {
      /** SelfHandle has a new value; SelfContactChanged says the same and more. Deprecated. */
      SelfHandleChanged: [selfHandle: number];
      /** SelfHandle and SelfID have new values. */
      SelfContactChanged: [selfHandle: number, selfId: string];
      /** A channel has been made, as old clients are told; NewChannels says it to the others. Deprecated. */
      NewChannel: [objectPath: ObjectPath, channelType: string, handleType: number, handle: number, suppressHandler: boolean];
      /** Why the connection ends: a D-Bus error name, and details such as debug-message (s) and server-message (s). */
      ConnectionError: [error: string, details: VariantMap];
      /** The new Status, and the reason: 1 when it was asked for. */
      StatusChanged: [status: number, reason: number];
    };
  };
  /** Contacts by vCard address or URI. */
  'org.freedesktop.Telepathy.Connection.Interface.Addressing1': {
    methods: {
      /** Handles and attributes of contacts, by addresses of one vCard field; what can be no contact is left out. */
      GetContactsByVCardField: { in: [field: string, addresses: string[], interfaces: string[]]; out: [requested: Map<string, number>, attributes: Map<number, VariantMap>] };
      /** Handles and attributes of contacts, by URIs; what can be no contact is left out. */
      GetContactsByURI: { in: [uris: string[], interfaces: string[]]; out: [requested: Map<string, number>, attributes: Map<number, VariantMap>] };
    };
    properties: {};
    signals: {};
  };
  /** The names people see. */
  'org.freedesktop.Telepathy.Connection.Interface.Aliasing': {
    methods: {
      /** 1: the alias of a contact can be set by the user. */
      GetAliasFlags: { in: []; out: [aliasFlags: number] };
      /** The aliases of contacts, in the same order; waits for the network where it must. */
      RequestAliases: { in: [contacts: number[]]; out: [aliases: string[]] };
      /** The aliases of contacts, as they are known now. */
      GetAliases: { in: [contacts: number[]]; out: [aliases: Map<number, string>] };
      /** Names contacts; the name of oneself is what others see. */
      SetAliases: { in: [aliases: Map<number, string>]; out: [] };
    };
    properties: {};
    signals: {
      /** Contacts have other aliases. */
      AliasesChanged: [aliases: [number, string][]];
    };
  };
  /** Pictures of contacts and of oneself. */
  'org.freedesktop.Telepathy.Connection.Interface.Avatars': {
    methods: {
      /** Some of the limits above, for old clients. Deprecated. */
      GetAvatarRequirements: { in: []; out: [mimeTypes: string[], minWidth: number, minHeight: number, maxWidth: number, maxHeight: number, maxBytes: number] };
      /** The tokens of contacts, in the same order, for old clients. Deprecated. */
      GetAvatarTokens: { in: [contacts: number[]]; out: [tokens: string[]] };
      /** The tokens of those contacts of whom they are known. */
      GetKnownAvatarTokens: { in: [contacts: number[]]; out: [tokens: Map<number, string>] };
      /** One contact's picture, waited for, for old clients. Deprecated. */
      RequestAvatar: { in: [contact: number]; out: [data: Buffer, mimeType: string] };
      /** Fetches pictures; each comes as AvatarRetrieved. */
      RequestAvatars: { in: [contacts: number[]]; out: [] };
      /** Sets the user's picture and returns its token. */
      SetAvatar: { in: [avatar: Buffer, mimeType: string]; out: [token: string] };
      /** Removes the user's picture. */
      ClearAvatar: { in: []; out: [] };
    };
    properties: {
      /** Image types that can be set, best first. */
      SupportedAvatarMIMETypes: { type: string[]; access: 'read' };
      /** Least height in pixels, 0 for no limit. */
      MinimumAvatarHeight: { type: number; access: 'read' };
      /** Least width in pixels, 0 for no limit. */
      MinimumAvatarWidth: { type: number; access: 'read' };
      /** Best height in pixels, 0 when any is as good. */
      RecommendedAvatarHeight: { type: number; access: 'read' };
      /** Best width in pixels, 0 when any is as good. */
      RecommendedAvatarWidth: { type: number; access: 'read' };
      /** Greatest height in pixels, 0 for no limit. */
      MaximumAvatarHeight: { type: number; access: 'read' };
      /** Greatest width in pixels, 0 for no limit. */
      MaximumAvatarWidth: { type: number; access: 'read' };
      /** Greatest size in bytes, 0 for no limit. */
      MaximumAvatarBytes: { type: number; access: 'read' };
    };
    signals: {
      /** A contact's picture has another token. */
      AvatarUpdated: [contact: number, newAvatarToken: string];
      /** A picture, with its token and type. */
      AvatarRetrieved: [contact: number, token: string, avatar: Buffer, type: string];
    };
  };
  /** What kind of device a contact is at: pc, phone, handheld, web, bot, console. */
  'org.freedesktop.Telepathy.Connection.Interface.ClientTypes': {
    methods: {
      /** The kinds known now; contacts of whom nothing is known are left out, and asked. */
      GetClientTypes: { in: [contacts: number[]]; out: [clientTypes: Map<number, string[]>] };
      /** The kinds of one contact's client, waited for where it must be. */
      RequestClientTypes: { in: [contact: number]; out: [clientTypes: string[]] };
    };
    properties: {};
    signals: {
      /** A contact is at another kind of client; an empty list when nothing is known any more. */
      ClientTypesUpdated: [contact: number, clientTypes: string[]];
    };
  };
  /** Contacts from whom nothing is let through. */
  'org.freedesktop.Telepathy.Connection.Interface.ContactBlocking': {
    methods: {
      /** Blocks contacts. */
      BlockContacts: { in: [contacts: number[], reportAbusive: boolean]; out: [] };
      /** Lets contacts through again. */
      UnblockContacts: { in: [contacts: number[]]; out: [] };
      /** Every blocked contact with its identifier; waits for the server's list. */
      RequestBlockedContacts: { in: []; out: [contacts: Map<number, string>] };
    };
    properties: {
      /** 1 when blocked contacts can be reported as abusive, else 0. */
      ContactBlockingCapabilities: { type: number; access: 'read' };
    };
    signals: {
      /** Contacts are blocked, or no longer, by whatever program of the user. */
      BlockedContactsChanged: [blockedContacts: Map<number, string>, unblockedContacts: Map<number, string>];
    };
  };
  /** What channels can be opened with a contact, and what this side can handle. */
  'org.freedesktop.Telepathy.Connection.Interface.ContactCapabilities': {
    methods: {
      /** What client programs can handle: name, channel classes, capability tokens; each entry replaces what was said under that name. */
      UpdateCapabilities: { in: [handlerCapabilities: [string, VariantMap[], string[]][]]; out: [] };
      /** Channel classes that can be expected to work with contacts. */
      GetContactCapabilities: { in: [handles: number[]]; out: [contactCapabilities: Map<number, [VariantMap, string[]][]>] };
    };
    properties: {};
    signals: {
      /** Contacts have other capabilities. */
      ContactCapabilitiesChanged: [caps: Map<number, [VariantMap, string[]][]>];
    };
  };
  /** The user's own groups of contacts, kept on the server. */
  'org.freedesktop.Telepathy.Connection.Interface.ContactGroups': {
    methods: {
      /** Puts a contact in exactly these groups. */
      SetContactGroups: { in: [contact: number, groups: string[]]; out: [] };
      /** Makes exactly these contacts the members of a group. */
      SetGroupMembers: { in: [group: string, members: number[]]; out: [] };
      /** Puts contacts in a group, which is made when there is none. */
      AddToGroup: { in: [group: string, members: number[]]; out: [] };
      /** Takes contacts out of a group. */
      RemoveFromGroup: { in: [group: string, members: number[]]; out: [] };
      /** Takes all contacts out of a group, which then is no more. */
      RemoveGroup: { in: [group: string]; out: [] };
      /** Moves all contacts of a group to a new one. */
      RenameGroup: { in: [oldName: string, newName: string]; out: [] };
    };
    properties: {
      /** True where a contact is in one group at most. */
      DisjointGroups: { type: boolean; access: 'read' };
      /** For whom groups are kept: 0 none, 1 contacts on the list or asked to be, 2 contacts whose presence we get, 3 anyone. */
      GroupStorage: { type: number; access: 'read' };
      /** The groups there are. */
      Groups: { type: string[]; access: 'read' };
    };
    signals: {
      /** Contacts are in other groups than before. */
      GroupsChanged: [contact: number[], added: string[], removed: string[]];
      /** Groups are there that were not; who is in them follows in GroupsChanged. */
      GroupsCreated: [names: string[]];
      /** A group has another name; GroupsCreated, GroupsRemoved and GroupsChanged follow. */
      GroupRenamed: [oldName: string, newName: string];
      /** Groups are no more. */
      GroupsRemoved: [names: string[]];
    };
  };
  /** The vCard of a contact, as fields of name, parameters and values. */
  'org.freedesktop.Telepathy.Connection.Interface.ContactInfo': {
    methods: {
      /** The vCards known now; contacts of whom it is not known are left out. */
      GetContactInfo: { in: [contacts: number[]]; out: [contactInfo: Map<number, [string, string[], string[]][]>] };
      /** Fetches vCards again; each comes as ContactInfoChanged. */
      RefreshContactInfo: { in: [contacts: number[]]; out: [] };
      /** The vCard of one contact, fetched and waited for. */
      RequestContactInfo: { in: [contact: number]; out: [contactInfo: [string, string[], string[]][]] };
      /** Replaces the user's own vCard. */
      SetContactInfo: { in: [contactInfo: [string, string[], string[]][]]; out: [] };
    };
    properties: {
      /** 1: the user's own can be set. */
      ContactInfoFlags: { type: number; access: 'read' };
      /** Fields of the user's own vCard that can be set: name, parameters, flags (1 exactly these parameters, 2 written over by the alias), how many at most. */
      SupportedFields: { type: [string, string[], number, number][]; access: 'read' };
    };
    signals: {
      /** The vCard of a contact is another, or has become known. */
      ContactInfoChanged: [contact: number, contactInfo: [string, string[], string[]][]];
    };
  };
  /** The contact list of the server, and whose presence goes to whom. */
  'org.freedesktop.Telepathy.Connection.Interface.ContactList': {
    methods: {
      /** Attributes of every contact on the list; see GetContactAttributes. */
      GetContactListAttributes: { in: [interfaces: string[], hold: boolean]; out: [attributes: Map<number, VariantMap>] };
      /** Puts contacts on the list and asks to see their presence. */
      RequestSubscription: { in: [contacts: number[], message: string]; out: [] };
      /** Lets contacts see our presence, now when they have asked or whenever they will. */
      AuthorizePublication: { in: [contacts: number[]]; out: [] };
      /** Takes contacts off the list, in both directions. */
      RemoveContacts: { in: [contacts: number[]]; out: [] };
      /** Stops seeing the presence of contacts, and withdraws what was asked. */
      Unsubscribe: { in: [contacts: number[]]; out: [] };
      /** Stops contacts from seeing our presence, or declines their request. */
      Unpublish: { in: [contacts: number[]]; out: [] };
      /** Fetches the list now, when DownloadAtConnection is False. */
      Download: { in: []; out: [] };
    };
    properties: {
      /** 0 not downloaded, 1 on its way, 2 failed, 3 here. */
      ContactListState: { type: number; access: 'read' };
      /** True: the server keeps the list. */
      ContactListPersists: { type: boolean; access: 'read' };
      /** True: subscriptions can be asked for, given, and taken back. */
      CanChangeContactList: { type: boolean; access: 'read' };
      /** True: the message of RequestSubscription reaches the contact. */
      RequestUsesMessage: { type: boolean; access: 'read' };
      /** True: the list is fetched when connecting; else only by Download. */
      DownloadAtConnection: { type: boolean; access: 'read' };
    };
    signals: {
      /** ContactListState has a new value. */
      ContactListStateChanged: [contactListState: number];
      /** Contacts have other subscriptions (subscribe, publish, what they said), or have left the list; with the identifiers of all of them. */
      ContactsChangedWithID: [changes: Map<number, [number, number, string]>, identifiers: Map<number, string>, removals: Map<number, string>];
      /** ContactsChangedWithID, for old clients. Deprecated. */
      ContactsChanged: [changes: Map<number, [number, number, string]>, removals: number[]];
    };
  };
  /** Everything known about contacts in one call. */
  'org.freedesktop.Telepathy.Connection.Interface.Contacts': {
    methods: {
      /** Attributes of contacts that are known without asking the network: handle → fully qualified name → value. */
      GetContactAttributes: { in: [handles: number[], interfaces: string[], hold: boolean]; out: [attributes: Map<number, VariantMap>] };
      /** The handle of an identifier, and its attributes. */
      GetContactByID: { in: [identifier: string, interfaces: string[]]; out: [handle: number, attributes: VariantMap] };
    };
    properties: {
      /** Interfaces whose contact attributes can be asked for. */
      ContactAttributeInterfaces: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  /** Less traffic while nobody looks. */
  'org.freedesktop.Telepathy.Connection.Interface.PowerSaving': {
    methods: {
      /** Nobody looks, or somebody does again. */
      SetPowerSaving: { in: [activate: boolean]; out: [] };
    };
    properties: {
      /** True while the server has been told that nobody looks. */
      PowerSavingActive: { type: boolean; access: 'read' };
    };
    signals: {
      /** PowerSavingActive is another. */
      PowerSavingChanged: [active: boolean];
    };
  };
  /** Channels by description: a map of fully qualified properties says what is wanted and what was made. */
  'org.freedesktop.Telepathy.Connection.Interface.Requests': {
    methods: {
      /** Makes a new channel, or fails. */
      CreateChannel: { in: [request: VariantMap]; out: [channel: ObjectPath, properties: VariantMap] };
      /** The channel that fits the request, or else a new one. */
      EnsureChannel: { in: [request: VariantMap]; out: [yours: boolean, channel: ObjectPath, properties: VariantMap] };
    };
    properties: {
      /** Every channel, with its immutable properties. */
      Channels: { type: [ObjectPath, VariantMap][]; access: 'read' };
      /** What may be asked for: fixed properties, and names of the further ones that may be given. */
      RequestableChannelClasses: { type: [VariantMap, string[]][]; access: 'read' };
    };
    signals: {
      /** Channels have come into being, with their immutable properties. */
      NewChannels: [channels: [ObjectPath, VariantMap][]];
      /** A channel is gone. */
      ChannelClosed: [removed: ObjectPath];
    };
  };
  /** How an account secures its conversations, what it remembers of its contacts' keys, and its own key. */
  'org.freedesktop.Telepathy.Connection.Interface.Security': {
    methods: {
      /** Every key that is remembered of a contact. */
      ListPeers: { in: []; out: [peers: [string, string, string, number, bigint][]] };
      /** Sets the policy of one contact, which goes before the account's. */
      SetPeerPolicy: { in: [jid: string, policy: string]; out: [] };
      /** The policy that was set for a contact, "" where none was. */
      GetPeerPolicy: { in: [jid: string]; out: [policy: string] };
      /** Forgets the keys of a contact, and that they were ever verified or secured; their policy stays. */
      ForgetPeer: { in: [jid: string]; out: [] };
      /** Takes a key of a contact that is Changed as Seen. */
      AcceptKey: { in: [jid: string, fingerprint: string]; out: [] };
      /** Uses a key and certificate from a file from now on, kept in the place of the account's own key; the file is read once. */
      ImportIdentity: { in: [path: string, passphrase: string]; out: [] };
      /** Makes a new certificate, valid for ten years, for the account's key: contacts see the same key. */
      RenewIdentity: { in: []; out: [] };
      /** Makes a new key: every contact sees a changed one. */
      ReplaceIdentity: { in: []; out: [] };
    };
    properties: {
      /** How much security a conversation must have, unless a policy of the contact says otherwise: "off" (none), "opportunistic" (what can be had), "required" (nothing goes without). */
      Policy: { type: string; access: 'readwrite' };
      /** Every mechanism there is, in the order in which they are tried. */
      MechanismOrder: { type: string[]; access: 'readwrite' };
      /** The fingerprint of the account's own key; "" until there is one. */
      IdentityFingerprint: { type: string; access: 'read' };
    };
    signals: {
      /** A key of a contact is trusted otherwise than before, whoever made it so. */
      PeerTrustChanged: [jid: string, fingerprint: string, old: number, new: number];
      /** The policy of a contact was set; "" stands for the account's. */
      PeerPolicyChanged: [jid: string, old: string, new: string];
    };
  };
  /** Presence as one status and one message. */
  'org.freedesktop.Telepathy.Connection.Interface.SimplePresence': {
    methods: {
      /** Sets the user's own presence; before Connect it is the presence to come online with. */
      SetPresence: { in: [status: string, statusMessage: string]; out: [] };
      /** Presence of contacts, as it is known now. */
      GetPresences: { in: [contacts: number[]]; out: [presence: Map<number, [number, string, string]>] };
    };
    properties: {
      /** Status name → presence type, may be set by oneself, may carry a message. */
      Statuses: { type: Map<string, [number, boolean, boolean]>; access: 'read' };
      /** Longest status message in characters, 0 for no limit. */
      MaximumStatusMessageLength: { type: number; access: 'read' };
    };
    signals: {
      /** Contacts have other presence. */
      PresencesChanged: [presence: Map<number, [number, string, string]>];
    };
  };
  /** The front door of a connection manager, at /org/freedesktop/Telepathy/ConnectionManager/NAME: says which protocols it speaks and makes connections. */
  'org.freedesktop.Telepathy.ConnectionManager': {
    methods: {
      /** The parameters one protocol takes: name, flags (1 required, 2 register, 4 has default, 8 secret, 16 D-Bus property), signature, default. */
      GetParameters: { in: [protocol: string]; out: [parameters: [string, number, string, Variant][]] };
      /** The names of the protocols: the keys of Protocols. */
      ListProtocols: { in: []; out: [protocols: string[]] };
      /** Makes a connection object, not yet connected, and returns where it is. */
      RequestConnection: { in: [protocol: string, parameters: VariantMap]; out: [busName: string, objectPath: ObjectPath] };
    };
    properties: {
      /** Protocol name → immutable properties of its Protocol object, with fully qualified keys. */
      Protocols: { type: Map<string, VariantMap>; access: 'read' };
      /** Further interfaces of this object. */
      Interfaces: { type: string[]; access: 'read' };
    };
    signals: {
      /** A connection object has been made, by whatever call. */
      NewConnection: [busName: string, objectPath: ObjectPath, protocol: string];
    };
  };
  /** One protocol of a connection manager, below its path. */
  'org.freedesktop.Telepathy.Protocol': {
    methods: {
      /** The identifier of the account that the given parameters describe, good for naming it. */
      IdentifyAccount: { in: [parameters: VariantMap]; out: [accountId: string] };
      /** The identifier as the handle of a connection would show it. */
      NormalizeContact: { in: [contactId: string]; out: [normalizedContactId: string] };
    };
    properties: {
      /** Further interfaces of this object. */
      Interfaces: { type: string[]; access: 'read' };
      /** What RequestConnection takes; see GetParameters of the connection manager. */
      Parameters: { type: [string, number, string, Variant][]; access: 'read' };
      /** Interfaces a connection may have. */
      ConnectionInterfaces: { type: string[]; access: 'read' };
      /** Channels that may be requested of a connection: fixed properties, and names of the further ones that may be given. */
      RequestableChannelClasses: { type: [VariantMap, string[]][]; access: 'read' };
      /** The vCard field whose values are identifiers of this protocol, in lower case, or empty. */
      VCardField: { type: string; access: 'read' };
      /** The name of the protocol for people, in English. */
      EnglishName: { type: string; access: 'read' };
      /** Name of an icon in the icon theme. */
      Icon: { type: string; access: 'read' };
      /** Channel types and authentication methods that may have to be handled before the connection is connected. */
      AuthenticationTypes: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  /** Other ways to write down a contact: vCard fields and URIs, before there is a connection. */
  'org.freedesktop.Telepathy.Protocol.Interface.Addressing': {
    methods: {
      /** The address of a vCard field in its normal form. */
      NormalizeVCardAddress: { in: [vCardField: string, vCardAddress: string]; out: [normalizedVCardAddress: string] };
      /** The URI of a contact in its normal form, without any action. */
      NormalizeContactURI: { in: [uri: string]; out: [normalizedUri: string] };
    };
    properties: {
      /** vCard fields, in lower case, whose values can be turned into contacts. */
      AddressableVCardFields: { type: string[]; access: 'read' };
      /** Schemes of the URIs that can be turned into contacts. */
      AddressableURISchemes: { type: string[]; access: 'read' };
    };
    signals: {};
  };
  /** What avatars a connection to this protocol is expected to take. */
  'org.freedesktop.Telepathy.Protocol.Interface.Avatars': {
    methods: {};
    properties: {
      /** Image types that can be sent, best first. */
      SupportedAvatarMIMETypes: { type: string[]; access: 'read' };
      /** Least height in pixels, 0 for no limit. */
      MinimumAvatarHeight: { type: number; access: 'read' };
      /** Least width in pixels, 0 for no limit. */
      MinimumAvatarWidth: { type: number; access: 'read' };
      /** Best height in pixels, 0 when any is as good. */
      RecommendedAvatarHeight: { type: number; access: 'read' };
      /** Best width in pixels, 0 when any is as good. */
      RecommendedAvatarWidth: { type: number; access: 'read' };
      /** Greatest height in pixels, 0 for no limit. */
      MaximumAvatarHeight: { type: number; access: 'read' };
      /** Greatest width in pixels, 0 for no limit. */
      MaximumAvatarWidth: { type: number; access: 'read' };
      /** Greatest size in bytes, 0 for no limit. */
      MaximumAvatarBytes: { type: number; access: 'read' };
    };
    signals: {};
  };
  /** The presence statuses a connection to this protocol may offer. */
  'org.freedesktop.Telepathy.Protocol.Interface.Presence': {
    methods: {};
    properties: {
      /** Status name → presence type, may be set by oneself, may carry a message. */
      Statuses: { type: Map<string, [number, boolean, boolean]>; access: 'read' };
    };
    signals: {};
  };
  /** What the chat window of KDE Telepathy asks instead of a text channel, for its lock button. */
  'org.kde.TelepathyProxy.ChannelProxy.Interface.OTR': {
    methods: {
      /** From now on a window talks through this object. */
      ConnectProxy: { in: []; out: [] };
      /** It does not any more. */
      DisconnectProxy: { in: []; out: [] };
      /** Messages.SendMessage of the channel. */
      SendMessage: { in: [message: VariantMap[], flags: number]; out: [token: string] };
      /** Type.Text.AcknowledgePendingMessages of the channel. */
      AcknowledgePendingMessages: { in: [ids: number[]]; out: [] };
      /** Secures the channel; returns when it is, at once when it is already. */
      Initialize: { in: []; out: [] };
      /** Ends the session: the channel is finished. */
      Stop: { in: []; out: [] };
      /** True: the user has compared the fingerprint with the contact over another way. */
      TrustFingerprint: { in: [fingerprint: string, trust: boolean]; out: [] };
      /** PeerAuthentication.StartSharedSecret of the channel. */
      StartPeerAuthentication: { in: [question: string, secret: string]; out: [] };
      /** PeerAuthentication.AnswerSharedSecret of the channel. */
      RespondPeerAuthentication: { in: [secret: string]; out: [] };
      /** PeerAuthentication.AbortSharedSecret of the channel; nothing happens when there is nothing to give up. */
      AbortPeerAuthentication: { in: []; out: [] };
    };
    properties: {
      /** The channel. */
      WrappedChannel: { type: ObjectPath; access: 'read' };
      /** A window talks through this object. */
      Connected: { type: boolean; access: 'read' };
      /** What the channel has that nobody has acknowledged yet, oldest first, with the channel's own numbers. */
      PendingMessages: { type: VariantMap[][]; access: 'read' };
      /** 0 not private, 1 private with somebody who is not verified, 2 private and verified, 3 finished: nothing can be sent. */
      TrustLevel: { type: number; access: 'read' };
      /** Of our own key in the session; empty without. */
      LocalFingerprint: { type: string; access: 'read' };
      /** Of the contact's key in the session; empty without. */
      RemoteFingerprint: { type: string; access: 'read' };
    };
    signals: {
      /** That of the channel. */
      MessageSent: [content: VariantMap[], flags: number, messageToken: string];
      /** That of the channel. */
      MessageReceived: [message: VariantMap[]];
      /** That of the channel. */
      PendingMessagesRemoved: [messageIds: number[]];
      /** TrustLevel is another one. */
      TrustLevelChanged: [trustLevel: number];
      /** There is a new session in the place of one that lived. */
      SessionRefreshed: [];
      /** The contact asks for the secret. */
      PeerAuthenticationRequested: [question: string];
      /** The secrets were compared: the same, or not. */
      PeerAuthenticationConcluded: [authenticated: boolean];
      /** Our part has left; what comes of it is not known yet. */
      PeerAuthenticationInProgress: [];
      /** One of the two has given up. */
      PeerAuthenticationAborted: [];
      /** The secrets could not be compared. */
      PeerAuthenticationError: [];
      /** The contact's part was none that an honest program sends. */
      PeerAuthenticationCheated: [];
    };
  };
  /** What KDE Telepathy's settings ask about keys, at /org/freedesktop/TelepathyProxy/ProxyService. */
  'org.kde.TelepathyProxy.ProxyService': {
    methods: {
      /** NotImplemented: an account of hush has a key from its first login, and replacing it is Connection.Interface.Security.ReplaceIdentity. */
      GeneratePrivateKey: { in: [account: ObjectPath]; out: [] };
      /** Of the account's own key; "" where none is known. */
      GetFingerprintForAccount: { in: [account: ObjectPath]; out: [fingerprint: string] };
      /** Keys of contacts that are remembered. */
      GetKnownFingerprints: { in: [account: ObjectPath]; out: [fingerprints: [string, string, boolean, boolean][]] };
      /** TrustFingerprint of the conversation with the contact that uses the key now; NotAvailable without one. */
      TrustFingerprint: { in: [account: ObjectPath, contact: string, fingerprint: string, trust: boolean]; out: [] };
      /** Connection.Interface.Security.ForgetPeer, when this is the only key of the contact that is remembered; DoesNotExist when it is not remembered, NotImplemented when there are others: hush forgets a contact as a whole. */
      ForgetFingerprint: { in: [account: ObjectPath, contact: string, fingerprint: string]; out: [] };
    };
    properties: {
      /** 0 always, 1 as far as possible, 2 by hand, 3 never. */
      PolicySettings: { type: number; access: 'readwrite' };
    };
    signals: {
      /** A window talks through this object from now on. */
      ProxyConnected: [proxy: ObjectPath];
      /** It does not any more, or the channel has gone. */
      ProxyDisconnected: [proxy: ObjectPath];
      /** Never sent. */
      KeyGenerationStarted: [account: ObjectPath];
      /** Never sent. */
      KeyGenerationFinished: [account: ObjectPath, error: boolean];
    };
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
  'org.freedesktop.Telepathy.Channel.Interface.PeerAuthentication': {
    methods: {
      ConfirmSafetyNumber: { in: 's', inNames: ['Safety_Number'], out: '', outNames: [] },
      Distrust: { in: '', inNames: [], out: '', outNames: [] },
      StartSharedSecret: { in: 'ss', inNames: ['Question', 'Secret'], out: '', outNames: [] },
      AnswerSharedSecret: { in: 's', inNames: ['Secret'], out: '', outNames: [] },
      AbortSharedSecret: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      LocalFingerprint: { signature: 's', access: 'read', emitsChange: 'true' },
      RemoteFingerprint: { signature: 's', access: 'read', emitsChange: 'true' },
      SafetyNumber: { signature: 's', access: 'read', emitsChange: 'invalidates' },
      Trust: { signature: 'u', access: 'read', emitsChange: 'true' },
      Question: { signature: 's', access: 'read', emitsChange: 'true' },
    },
    signals: {
      SharedSecretRequested: { signature: 's', names: ['Question'] },
      SharedSecretConcluded: { signature: 'bs', names: ['Verified', 'Error'] },
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
    methods: {
      Secure: { in: 'as', inNames: ['Mechanisms'], out: '', outNames: [] },
      Require: { in: 'as', inNames: ['Properties'], out: '', outNames: [] },
      End: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      Encrypted: { signature: 'b', access: 'read', emitsChange: 'true' },
      IntegrityProtected: { signature: 'b', access: 'read', emitsChange: 'true' },
      Complete: { signature: 'b', access: 'read', emitsChange: 'true' },
      Verified: { signature: 'b', access: 'read', emitsChange: 'true' },
      WeaklyAuthenticated: { signature: 'b', access: 'read', emitsChange: 'true' },
      KeyContinuity: { signature: 'b', access: 'read', emitsChange: 'true' },
      WeaklyAnonymous: { signature: 'b', access: 'read', emitsChange: 'true' },
      StronglyAnonymous: { signature: 'b', access: 'read', emitsChange: 'true' },
      ReplayProtected: { signature: 'b', access: 'read', emitsChange: 'true' },
      ForwardSecret: { signature: 'b', access: 'read', emitsChange: 'true' },
      Deniable: { signature: 'b', access: 'read', emitsChange: 'true' },
      NonRepudiable: { signature: 'b', access: 'read', emitsChange: 'true' },
      DowngradeResistant: { signature: 'b', access: 'read', emitsChange: 'true' },
      State: { signature: 'u', access: 'read', emitsChange: 'true' },
      EndReason: { signature: 's', access: 'read', emitsChange: 'true' },
      Mechanism: { signature: 's', access: 'read', emitsChange: 'true' },
      AvailableMechanisms: { signature: 'as', access: 'read', emitsChange: 'true' },
      RequiredProperties: { signature: 'as', access: 'read', emitsChange: 'true' },
      DeniabilityScope: { signature: 's', access: 'read', emitsChange: 'true' },
      Details: { signature: 'a{sv}', access: 'read', emitsChange: 'true' },
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
  'org.freedesktop.Telepathy.Client': {
    methods: {},
    properties: {
      Interfaces: { signature: 'as', access: 'read', emitsChange: 'const' },
    },
    signals: {},
  },
  'org.freedesktop.Telepathy.Client.Observer': {
    methods: {
      ObserveChannels: { in: 'ooa(oa{sv})oaoa{sv}', inNames: ['Account', 'Connection', 'Channels', 'Dispatch_Operation', 'Requests_Satisfied', 'Observer_Info'], out: '', outNames: [] },
    },
    properties: {
      ObserverChannelFilter: { signature: 'aa{sv}', access: 'read', emitsChange: 'const' },
      Recover: { signature: 'b', access: 'read', emitsChange: 'const' },
      DelayApprovers: { signature: 'b', access: 'read', emitsChange: 'const' },
    },
    signals: {},
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
  'org.freedesktop.Telepathy.Connection.Interface.PowerSaving': {
    methods: {
      SetPowerSaving: { in: 'b', inNames: ['Activate'], out: '', outNames: [] },
    },
    properties: {
      PowerSavingActive: { signature: 'b', access: 'read', emitsChange: 'false' },
    },
    signals: {
      PowerSavingChanged: { signature: 'b', names: ['Active'] },
    },
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
  'org.freedesktop.Telepathy.Connection.Interface.Security': {
    methods: {
      ListPeers: { in: '', inNames: [], out: 'a(sssux)', outNames: ['Peers'] },
      SetPeerPolicy: { in: 'ss', inNames: ['JID', 'Policy'], out: '', outNames: [] },
      GetPeerPolicy: { in: 's', inNames: ['JID'], out: 's', outNames: ['Policy'] },
      ForgetPeer: { in: 's', inNames: ['JID'], out: '', outNames: [] },
      AcceptKey: { in: 'ss', inNames: ['JID', 'Fingerprint'], out: '', outNames: [] },
      ImportIdentity: { in: 'ss', inNames: ['Path', 'Passphrase'], out: '', outNames: [] },
      RenewIdentity: { in: '', inNames: [], out: '', outNames: [] },
      ReplaceIdentity: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      Policy: { signature: 's', access: 'readwrite', emitsChange: 'true' },
      MechanismOrder: { signature: 'as', access: 'readwrite', emitsChange: 'true' },
      IdentityFingerprint: { signature: 's', access: 'read', emitsChange: 'true' },
    },
    signals: {
      PeerTrustChanged: { signature: 'ssuu', names: ['JID', 'Fingerprint', 'Old', 'New'] },
      PeerPolicyChanged: { signature: 'sss', names: ['JID', 'Old', 'New'] },
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
  'org.kde.TelepathyProxy.ChannelProxy.Interface.OTR': {
    methods: {
      ConnectProxy: { in: '', inNames: [], out: '', outNames: [] },
      DisconnectProxy: { in: '', inNames: [], out: '', outNames: [] },
      SendMessage: { in: 'aa{sv}u', inNames: ['Message', 'Flags'], out: 's', outNames: ['Token'] },
      AcknowledgePendingMessages: { in: 'au', inNames: ['IDs'], out: '', outNames: [] },
      Initialize: { in: '', inNames: [], out: '', outNames: [] },
      Stop: { in: '', inNames: [], out: '', outNames: [] },
      TrustFingerprint: { in: 'sb', inNames: ['Fingerprint', 'Trust'], out: '', outNames: [] },
      StartPeerAuthentication: { in: 'ss', inNames: ['Question', 'Secret'], out: '', outNames: [] },
      RespondPeerAuthentication: { in: 's', inNames: ['Secret'], out: '', outNames: [] },
      AbortPeerAuthentication: { in: '', inNames: [], out: '', outNames: [] },
    },
    properties: {
      WrappedChannel: { signature: 'o', access: 'read', emitsChange: 'const' },
      Connected: { signature: 'b', access: 'read', emitsChange: 'false' },
      PendingMessages: { signature: 'aaa{sv}', access: 'read', emitsChange: 'false' },
      TrustLevel: { signature: 'u', access: 'read', emitsChange: 'false' },
      LocalFingerprint: { signature: 's', access: 'read', emitsChange: 'false' },
      RemoteFingerprint: { signature: 's', access: 'read', emitsChange: 'false' },
    },
    signals: {
      MessageSent: { signature: 'aa{sv}us', names: ['Content', 'Flags', 'Message_Token'] },
      MessageReceived: { signature: 'aa{sv}', names: ['Message'] },
      PendingMessagesRemoved: { signature: 'au', names: ['Message_IDs'] },
      TrustLevelChanged: { signature: 'u', names: ['Trust_Level'] },
      SessionRefreshed: { signature: '', names: [] },
      PeerAuthenticationRequested: { signature: 's', names: ['Question'] },
      PeerAuthenticationConcluded: { signature: 'b', names: ['Authenticated'] },
      PeerAuthenticationInProgress: { signature: '', names: [] },
      PeerAuthenticationAborted: { signature: '', names: [] },
      PeerAuthenticationError: { signature: '', names: [] },
      PeerAuthenticationCheated: { signature: '', names: [] },
    },
  },
  'org.kde.TelepathyProxy.ProxyService': {
    methods: {
      GeneratePrivateKey: { in: 'o', inNames: ['Account'], out: '', outNames: [] },
      GetFingerprintForAccount: { in: 'o', inNames: ['Account'], out: 's', outNames: ['Fingerprint'] },
      GetKnownFingerprints: { in: 'o', inNames: ['Account'], out: 'a(ssbb)', outNames: ['Fingerprints'] },
      TrustFingerprint: { in: 'ossb', inNames: ['Account', 'Contact', 'Fingerprint', 'Trust'], out: '', outNames: [] },
      ForgetFingerprint: { in: 'oss', inNames: ['Account', 'Contact', 'Fingerprint'], out: '', outNames: [] },
    },
    properties: {
      PolicySettings: { signature: 'u', access: 'readwrite', emitsChange: 'false' },
    },
    signals: {
      ProxyConnected: { signature: 'o', names: ['Proxy'] },
      ProxyDisconnected: { signature: 'o', names: ['Proxy'] },
      KeyGenerationStarted: { signature: 'o', names: ['Account'] },
      KeyGenerationFinished: { signature: 'ob', names: ['Account', 'Error'] },
    },
  },
};
