import ts from 'typescript';

/** A test that says which requirement it holds. */
export interface Citation {
  readonly id: string;
  readonly path: string;
  /** Title of the test; the file's own words where a language has no titles. */
  readonly title: string;
}

/** The citations of one file, read from its source without running it. */
export function citationsOf(path: string, text: string): readonly Citation[] {
  return path.endsWith('.ts') ? fromTypeScript(path, text) : fromComments(path, text);
}

/** In TypeScript: calls of `verifies(id or ids, title, …)` with literal ids. */
function fromTypeScript(path: string, text: string): readonly Citation[] {
  if (!text.includes('verifies(')) return [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: Citation[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isCallExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === 'verifies'
    ) {
      const [ids, title] = node.arguments;
      for (const id of literalsOf(ids)) found.push({ id, path, title: titleOf(title) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Elsewhere: a comment or docstring `verifies: R-EXEC-1, R-EXEC-2 what it shows`. */
function fromComments(path: string, text: string): readonly Citation[] {
  return [...text.matchAll(/verifies:? +((?:R-[A-Z]+-\d+(?:, *)?)+)([^\n]*)/gi)].flatMap(
    ([, ids = '', words = '']) => {
      const title = words.replace(/["'*/.\s]+$/, '').replace(/^[:\s]+/, '');
      return ids.split(/, */).map((id) => ({ id: id.trim(), path, title }));
    },
  );
}

function literalsOf(node: ts.Expression | undefined): readonly string[] {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  return ts.isArrayLiteralExpression(node) ? node.elements.flatMap((element) => literalsOf(element)) : [];
}

function titleOf(node: ts.Expression | undefined): string {
  if (node === undefined) return '';
  if (ts.isStringLiteralLike(node)) return node.text;
  return node.getText().replaceAll('`', '').replaceAll(/\s+/g, ' ');
}
