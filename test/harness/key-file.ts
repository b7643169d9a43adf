/** Key files as D-Bus services and Telepathy managers are written: groups of `key=value` lines. Desktop Entry Specification, Basic format of the file. */

/** Groups by name, each with its values by key, in the order of the file. Throws on a line that is nothing of the format, and on a key or group given twice. */
export function parseKeyFile(text: string): Map<string, Map<string, string>> {
  const groups = new Map<string, Map<string, string>>();
  let group: Map<string, string> | undefined;
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const header = /^\[([^[\]]+)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      if (groups.has(header)) throw new Error(`group ${header} is there twice`);
      group = new Map<string, string>();
      groups.set(header, group);
      continue;
    }
    const equals = line.indexOf('=');
    if (group === undefined || equals < 1) throw new Error(`not a line of a key file: ${line}`);
    const key = line.slice(0, equals);
    if (group.has(key)) throw new Error(`key ${key} is there twice`);
    group.set(key, line.slice(equals + 1));
  }
  return groups;
}

/** A list value: strings, each followed by a semicolon. Throws when the last one is not. */
export function parseList(value: string): string[] {
  const items = value.split(';');
  if (items.pop() !== '') throw new Error(`a list ends with a semicolon: ${value}`);
  return items;
}
