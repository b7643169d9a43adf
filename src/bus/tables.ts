/** The shape of the generated interface tables: what the server and Introspect know of an interface at run time, and what the compiler knows of it. */

/** One method. Signatures are D-Bus signatures of all arguments together; names in the order of the XML ('' where it gives none). */
export interface MethodTable {
  readonly in: string;
  readonly inNames: readonly string[];
  readonly out: string;
  readonly outNames: readonly string[];
  /** `org.freedesktop.DBus.Method.NoReply` is "true". */
  readonly noReply?: true;
  /** `org.freedesktop.DBus.Deprecated` is "true". */
  readonly deprecated?: true;
}

/** One property. `emitsChange`: `org.freedesktop.DBus.Property.EmitsChangedSignal`, taken from the property, else from its interface, else 'false' (Telepathy's XML is silent where there is no signal). */
export interface PropertyTable {
  readonly signature: string;
  readonly access: 'read' | 'write' | 'readwrite';
  readonly emitsChange: 'true' | 'false' | 'invalidates' | 'const';
  readonly deprecated?: true;
}

/** One signal. */
export interface SignalTable {
  readonly signature: string;
  readonly names: readonly string[];
  readonly deprecated?: true;
}

/** One interface, members by name in the order of the XML. */
export interface InterfaceTable {
  readonly methods: Readonly<Record<string, MethodTable>>;
  readonly properties: Readonly<Record<string, PropertyTable>>;
  readonly signals: Readonly<Record<string, SignalTable>>;
}

/**
 * What the compiler knows of one interface; every member of the generated `InterfaceMap` has this shape.
 * All types are the decoded ones (`x` bigint, `ay` Buffer, `a{sv}` Map<string, Variant>, mutable arrays, labelled tuples for arguments);
 * what may be handed in instead (number for `x`, Uint8Array for `ay`, readonly arrays) is derived from them in object.ts.
 * An interface without methods, properties or signals has `{}` there (`Record<never, never>`).
 */
export interface InterfaceShape {
  methods: Record<string, { in: unknown[]; out: unknown[] }>;
  properties: Record<string, { type: unknown; access: 'read' | 'write' | 'readwrite' }>;
  signals: Record<string, unknown[]>;
}
