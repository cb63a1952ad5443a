/** Writes docs/errors.md from the error registry of the protocol package. */
import { errorReasons } from '@sovereign/protocol';
import { tableCell, writeGeneratedMarkdown } from './generate/generated-markdown.ts';

const rows = Object.entries(errorReasons).map(
  ([reason, { code, retryable, about }]) =>
    `| \`${reason}\` | \`${code}\` | ${retryable ? 'yes' : 'no'} | ${tableCell(about)} |`,
);

await writeGeneratedMarkdown(
  'docs/errors.md',
  `<!-- Generated from packages/protocol/src/error-registry.ts by \`npm run generate\`. Do not edit. -->

# Errors

A call that fails throws a \`SovereignError\`. Its \`reason\` says what happened and is what programs branch on; its \`code\` is one of
the sixteen codes of gRPC; \`retryable\` is true when the same call may succeed later without anything being changed;
\`hint\` says what to do. What a command did (exit 1, timed out, killed) is a result and never an error.

| reason | code | retryable | when |
| --- | --- | --- | --- |
${rows.join('\n')}
`,
);
