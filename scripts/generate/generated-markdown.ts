import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

/**
 * Writes a generated page the way Prettier would; with `--check` only compares it with the one that is there, and
 * makes the process exit with 1 when they differ.
 *
 * @param path Relative to the root of the repository, which is the working directory.
 */
export async function writeGeneratedMarkdown(path: string, markdown: string): Promise<void> {
  const options = (await resolveConfig(path)) ?? {};
  const text = await format(markdown, { ...options, parser: 'markdown' });
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    process.stderr.write(`${path} is not what the code says. Run \`npm run generate\` and commit it.\n`);
    process.exitCode = 1;
  }
}

/** Text that may stand in a cell of a Markdown table. */
export function tableCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
