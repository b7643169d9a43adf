/** Functions that call themselves, found in the syntax tree: what walks a peer's tree must not, for the peer decides how deep it is. */
import ts from 'typescript';

/** Names of the functions, methods and constants of a source text in whose body the same name is called. */
export function recursiveFunctions(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const name = nameOf(node);
    const body = bodyOf(node);
    if (name !== undefined && body !== undefined && calls(body, name, ts.isMethodDeclaration(node))) found.push(name);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function nameOf(node: ts.Node): string | undefined {
  if ((ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isVariableDeclaration(node)) && node.name !== undefined) return node.name.getText();
  return undefined;
}

function bodyOf(node: ts.Node): ts.Node | undefined {
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) return node.body;
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && (ts.isArrowFunction(node.initializer) || ts.isFunctionExpression(node.initializer))) return node.initializer.body;
  return undefined;
}

/** A method calls itself through `this`, a function by its name; as an argument (`map(walk)`) counts, too. */
function calls(body: ts.Node, name: string, isMethod: boolean): boolean {
  let isFound = false;
  const visit = (node: ts.Node): void => {
    if (isMethod && ts.isPropertyAccessExpression(node) && node.expression.kind === ts.SyntaxKind.ThisKeyword && node.name.getText() === name && ts.isCallExpression(node.parent)) isFound = true;
    if (!isMethod && ts.isIdentifier(node) && node.text === name && ts.isCallExpression(node.parent)) isFound = true;
    ts.forEachChild(node, visit);
  };
  visit(body);
  return isFound;
}
