/** The narrow surface of @xmpp/xml that hush uses; the package itself carries no types. */
declare module '@xmpp/xml' {
  export class Element {
    constructor(name: string, attrs?: Record<string, string>);
    readonly name: string;
    readonly parent: Element | null;
    readonly children: (Element | string)[];
    attrs: Record<string, string | undefined>;
    append(...nodes: (Element | string)[]): void;
    write(writer: (text: string) => void): void;
    toString(): string;
  }
}
