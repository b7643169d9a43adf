/** The architecture as rules over one source file: who may import whom, and what may stand where. Pure: paths and text in, breaches out. */
import { posix } from 'node:path';
import ts from 'typescript';

/** One import of a file, whatever its form. */
interface Import {
  /** 'src/…' for our own files, else the package or Node module as written. */
  readonly target: string;
  readonly isTypeOnly: boolean;
  readonly names: readonly string[];
}

/** Rooms of src/; a file of src/ itself is its own room. */
type Room = 'main' | 'protocol' | 'connection' | 'names' | 'base' | 'bus' | 'telepathy' | 'xmpp' | 'security' | 'mechanism' | 'mechanism list' | 'feature' | 'feature list' | 'program';

const foundations = ['emitter', 'errors', 'lazy', 'log', 'runtime', 'tasks'];

/** Rooms whose files may be imported with values. What is more delicate than a room stands in `mayImport`. */
const allowed: Readonly<Record<Room, readonly Room[]>> = {
  main: ['protocol', 'names', 'telepathy', 'bus', 'base'],
  protocol: ['connection', 'names', 'feature list', 'feature', 'security', 'telepathy', 'xmpp', 'bus', 'base'],
  connection: ['names', 'feature list', 'feature', 'mechanism list', 'security', 'telepathy', 'xmpp', 'bus', 'base'],
  names: [],
  base: ['base'],
  bus: ['bus', 'base'],
  telepathy: ['telepathy', 'bus', 'base'],
  xmpp: ['xmpp', 'base'],
  security: ['security', 'base'],
  mechanism: ['mechanism', 'security', 'xmpp', 'base'],
  'mechanism list': ['mechanism', 'security', 'base'],
  feature: ['feature', 'telepathy', 'xmpp', 'security', 'base'],
  'feature list': ['feature'],
  program: ['program', 'names', 'bus', 'base'],
};

/** Packages that only some files may know. */
const keepers: readonly { readonly name: RegExp; readonly who: string; readonly may: (path: string) => boolean }[] = [
  { name: /^dbus-next(\/|$)/, who: 'bus/', may: (path) => path.startsWith('src/bus/') },
  { name: /^@xmpp\//, who: 'xmpp/', may: (path) => path.startsWith('src/xmpp/') },
  { name: /^(saxes|ltx)$/, who: 'xmpp/', may: (path) => path.startsWith('src/xmpp/') },
  {
    name: /^node-forge(\/|$)/,
    who: 'security/identity and mechanisms/xtls',
    may: (path) => /^src\/security\/(identity[^/]*\.ts|identity\/|mechanisms\/xtls\/)/.test(path),
  },
  { name: /^(commander|cli-table3|qr)$/, who: 'ctl/', may: (path) => path.startsWith('src/ctl/') },
  { name: /^pino$/, who: 'log.ts', may: (path) => path === 'src/log.ts' },
  { name: /^(node:)?fs(\/promises)?$/, who: 'the stores (…-store.ts)', may: (path) => /(^|[/-])store\.ts$/.test(path) },
];

/** Every breach in the file at `path` (from the root of the repository, with '/'), as a line for people. */
export function breaches(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.ES2023, true);
  const found = [...headerBreaches(source), ...statementBreaches(file)];
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    const read = importOf(path, node);
    if (read !== undefined) imports.push(read);
    found.push(...expressionBreaches(path, node));
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const one of imports) {
    if (one.target === 'node:process' && one.names.includes('env') && !isEntry(path)) found.push('process.env is read in main.ts only');
    const complaint = one.target.startsWith('src/') ? roomComplaint(path, one) : packageComplaint(path, one);
    if (complaint !== undefined) found.push(complaint);
  }
  return found.map((breach) => `${path}: ${breach}`);
}

function headerBreaches(source: string): string[] {
  const isSentence = /^(?:#!.*\n)?(?:\/\/ |\/\*\* |\/\*\*\n \* )\S+ \S+ \S/.test(source);
  return isSentence ? [] : ['the first line is not a sentence that says what the file is'];
}

function statementBreaches(file: ts.SourceFile): string[] {
  const found: string[] = [];
  for (const statement of file.statements) {
    const isDefault = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword);
    if (isDefault || (ts.isExportAssignment(statement) && !statement.isExportEquals)) found.push('default export');
    if (!ts.isExportDeclaration(statement)) continue;
    const { exportClause, moduleSpecifier } = statement;
    if (exportClause !== undefined && ts.isNamedExports(exportClause) && exportClause.elements.some((element) => element.name.text === 'default')) {
      found.push('default export');
    }
    const isOwn = moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text.startsWith('.');
    // Types of a class's options may stand beside the class, wherever they are written down.
    const isTypeOfThisFile = statement.isTypeOnly && exportClause !== undefined && !file.statements.every(ts.isExportDeclaration);
    if (isOwn && !isTypeOfThisFile) found.push(`re-exports ${moduleSpecifier.text}: import things from where they are`);
  }
  return found;
}

/** What tells people the time of day. Everything else measures how long something takes, which a clock that is set must not change. */
const tellTheTime: ReadonlySet<string> = new Set(['src/ktp/proxy.ts', 'src/security/trust.ts', 'src/telepathy/messages.ts']);

function expressionBreaches(path: string, node: ts.Node): string[] {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const name = `${node.expression.text}.${node.name.text}`;
    if (name === 'Math.random') return ['Math.random: randomness comes from node:crypto'];
    // Memory as it was left: what of it is not overwritten, a mistake sends to others.
    if (name === 'Buffer.allocUnsafe' || name === 'Buffer.allocUnsafeSlow') return [`${name}: Buffer.alloc is as good`];
    if (name === 'Date.now' && !tellTheTime.has(path)) return ['Date.now: a clock that is set changes it; performance.now() measures'];
    if (name === 'process.env' && !isEntry(path)) return ['process.env is read in main.ts only'];
  }
  if (ts.isNewExpression(node) && node.expression.getText() === 'Buffer') return ['new Buffer: it may hold anything'];
  const isGate = path === 'src/security/gate.ts';
  if (!isGate && ts.isAsExpression(node) && ts.isTypeReferenceNode(node.type)) {
    const type = node.type.typeName.getText();
    if (type === 'Opened' || type === 'Sealed') return [`only the gate makes something ${type}`];
  }
  // The rooms without XMPP know no stanzas: what they send are messages of their own.
  if (!isGate && !/^src\/(bus|telepathy)\//.test(path) && sendsMessage(node)) return ['a message stanza leaves through security/gate.ts only'];
  return [];
}

/** As far as text can tell: `x.send(xml('message', …))` or `x.send(message)`. */
function sendsMessage(node: ts.Node): boolean {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression) || node.expression.name.text !== 'send') return false;
  const [sent] = node.arguments;
  if (sent === undefined) return false;
  if (ts.isIdentifier(sent)) return /message$/i.test(sent.text);
  if (!ts.isCallExpression(sent) || sent.expression.getText() !== 'xml') return false;
  const [name] = sent.arguments;
  return name !== undefined && ts.isStringLiteral(name) && name.text === 'message';
}

function importOf(path: string, node: ts.Node): Import | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
    const target = resolve(path, node.moduleSpecifier.text);
    if (ts.isExportDeclaration(node)) return { target, isTypeOnly: node.isTypeOnly, names: [] };
    const bindings = node.importClause?.namedBindings;
    const specifiers = bindings !== undefined && ts.isNamedImports(bindings) ? [...bindings.elements] : [];
    const isTypeOnly = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword || (specifiers.length > 0 && specifiers.every((one) => one.isTypeOnly));
    return { target, isTypeOnly, names: specifiers.map((one) => (one.propertyName ?? one.name).text) };
  }
  if (ts.isCallExpression(node)) {
    const [module] = node.arguments;
    const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(node.expression) && /^require/.test(node.expression.text));
    if (isImport && module !== undefined && ts.isStringLiteral(module)) return { target: resolve(path, module.text), isTypeOnly: false, names: [] };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { target: resolve(path, node.argument.literal.text), isTypeOnly: true, names: node.qualifier === undefined ? [] : [node.qualifier.getText()] };
  }
  return undefined;
}

/** The first file of a program. */
function isEntry(path: string): boolean {
  return /^src\/(?:(?:ctl|ktp)\/)?main\.ts$/.test(path);
}

function resolve(path: string, module: string): string {
  return module.startsWith('.') ? posix.join(posix.dirname(path), module) : module;
}

function packageComplaint(path: string, { target }: Import): string | undefined {
  const keeper = keepers.find(({ name }) => name.test(target));
  if (keeper !== undefined && !keeper.may(path)) return `imports ${target}, which belongs to ${keeper.who}`;
  if (keeper === undefined && !target.startsWith('node:')) return `imports ${target}: no rule says who may`;
  return undefined;
}

function roomComplaint(path: string, { target, isTypeOnly, names }: Import): string | undefined {
  const [from, to] = [roomOf(path), roomOf(target)];
  if (from === undefined) return 'is in no room';
  if (to === undefined) return `imports ${target}, which is in no room`;
  const complaint = `imports ${target}: ${from} may not know ${to}`;
  if (from === 'security' && to === 'xmpp') {
    const isPermitted = isTypeOnly && /^src\/xmpp\/(jid|element)\.ts$/.test(target) && names.every((name) => ['Jid', 'BareJid', 'FullJid', 'Element'].includes(name));
    return isPermitted ? undefined : `${complaint} but the types Jid and Element`;
  }
  if (from === 'feature' && to === 'bus') return isTypeOnly || target === 'src/bus/types.ts' ? undefined : `${complaint} but its types and Variant`;
  if (!allowed[from].includes(to)) return complaint;
  const [own, other] = [folderOf(path), folderOf(target)];
  // Shared files of features/ (its contract) have no folder and are for every feature.
  if ((from === 'feature' || from === 'mechanism') && from === to && other !== '' && own !== other) return `imports ${target}: one ${from} may not know another`;
  return undefined;
}

function roomOf(path: string): Room | undefined {
  const [, room = '', next = ''] = path.split('/');
  const name = room.replace(/\.ts$/, '');
  if (next === '') return foundations.includes(name) ? 'base' : (['main', 'protocol', 'connection', 'names'] as const).find((one) => one === name);
  if (room === 'features') return next === 'index.ts' ? 'feature list' : 'feature';
  if (room === 'ktp' || room === 'ctl') return 'program';
  if (room === 'security' && next === 'mechanisms') return path === 'src/security/mechanisms/index.ts' ? 'mechanism list' : 'mechanism';
  return (['bus', 'telepathy', 'xmpp', 'security'] as const).find((one) => one === room);
}

/** The folder of one feature or mechanism; '' for a file beside the folders. */
function folderOf(path: string): string {
  return /^src\/(?:features|security\/mechanisms)\/([^/]+)\//.exec(path)?.[1] ?? '';
}
