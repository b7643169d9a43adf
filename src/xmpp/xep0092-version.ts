/** Tells acquaintances which program this is, and never on which system it runs. Source: XEP-0092 1.1 §3. */
import { xml } from './element.ts';
import type { Session } from './session.ts';
import { acquaintances } from './xep0030-disco.ts';
import type { Disco } from './xep0030-disco.ts';

const VERSION = 'jabber:iq:version';

/** Answers from now on. */
export function answerVersion(session: Session, disco: Disco, program: { readonly name: string; readonly version: string }): void {
  disco.feature(VERSION);
  session.router.add({
    name: 'xep0092-version',
    stanza: 'iq-get',
    child: { name: 'query', ns: VERSION },
    from: acquaintances,
    handle: () => xml('query', { xmlns: VERSION }, xml('name', {}, program.name), xml('version', {}, program.version)),
  });
}
