/** Introspection data. D-Bus Specification, section Introspection Data Format. */
import { parseSignature } from './signature.ts';
import type { InterfaceTable } from './tables.ts';

const doctype =
  '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">';

/** The XML of one node: its interfaces, and the names of its children, which are relative. */
export function introspectionXml(interfaces: Iterable<{ readonly name: string; readonly table: InterfaceTable }>, children: Iterable<string>): string {
  const lines = [doctype, '<node>'];
  for (const { name, table } of interfaces) lines.push(...interfaceXml(name, table));
  for (const child of children) lines.push(`  <node name="${escape(child)}"/>`);
  return [...lines, '</node>', ''].join('\n');
}

function interfaceXml(name: string, table: InterfaceTable): string[] {
  const lines = [`  <interface name="${escape(name)}">`];
  for (const [member, method] of Object.entries(table.methods)) {
    const args = [...argsXml(method.in, method.inNames, ' direction="in"'), ...argsXml(method.out, method.outNames, ' direction="out"')];
    const noReply = method.noReply ? [annotation('org.freedesktop.DBus.Method.NoReply', 'true')] : [];
    lines.push(...element('method', `name="${escape(member)}"`, [...args, ...noReply, ...deprecation(method)]));
  }
  for (const [member, signal] of Object.entries(table.signals)) {
    lines.push(...element('signal', `name="${escape(member)}"`, [...argsXml(signal.signature, signal.names, ''), ...deprecation(signal)]));
  }
  for (const [member, property] of Object.entries(table.properties)) {
    const emits = annotation('org.freedesktop.DBus.Property.EmitsChangedSignal', property.emitsChange);
    const attributes = `name="${escape(member)}" type="${escape(property.signature)}" access="${property.access}"`;
    lines.push(...element('property', attributes, [emits, ...deprecation(property)]));
  }
  return [...lines, '  </interface>'];
}

function element(name: string, attributes: string, inner: readonly string[]): string[] {
  if (inner.length === 0) return [`    <${name} ${attributes}/>`];
  return [`    <${name} ${attributes}>`, ...inner.map((line) => `      ${line}`), `    </${name}>`];
}

function argsXml(signature: string, names: readonly string[], direction: string): string[] {
  return parseSignature(signature).map((type, index) => {
    const name = names[index] ?? '';
    return `<arg${name === '' ? '' : ` name="${escape(name)}"`} type="${escape(type.text)}"${direction}/>`;
  });
}

function deprecation(member: { readonly deprecated?: true }): string[] {
  return member.deprecated ? [annotation('org.freedesktop.DBus.Deprecated', 'true')] : [];
}

function annotation(name: string, value: string): string {
  return `<annotation name="${name}" value="${value}"/>`;
}

const entities = new Map([['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['"', '&quot;'], ["'", '&apos;']]);

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities.get(character) ?? character);
}
