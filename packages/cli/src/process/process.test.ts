import { expect, test } from 'vitest';
import { untilDetached } from './detach-keys.ts';
import { processTable, quoted } from './process-table.ts';

async function passed(
  ...chunks: readonly string[]
): Promise<{ readonly keys: string; readonly isLeft: boolean }> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
  }
  let keys = '';
  let isLeft = false;
  for await (const chunk of untilDetached(source(), () => (isLeft = true)))
    keys += Buffer.from(chunk).toString('latin1');
  return { keys, isLeft };
}

test('Ctrl-P Ctrl-Q leaves, also in two pieces; a Ctrl-P alone goes through', async () => {
  expect(await passed('ab\x10\x11cd')).toEqual({ keys: 'ab', isLeft: true });
  expect(await passed('ab\x10', '\x11cd')).toEqual({ keys: 'ab', isLeft: true });
  expect(await passed('a\x10b', 'c\x10')).toEqual({ keys: 'a\x10bc\x10', isLeft: false });
  expect(await passed('\x10\x10\x11')).toEqual({ keys: '\x10', isLeft: true });
});

test('what a process is called cannot draw', () => {
  const rows = processTable([
    {
      process: 1,
      session: 0,
      pid: 5,
      argv: ['sh', '-c', "echo \u001b]0;x\u0007 it's"],
      isRunning: false,
      hasPty: false,
      startedMs: 0,
      stdoutBytes: 10,
      stderrBytes: 0,
      exitCode: 0,
      cause: 'exited',
    },
  ]);
  expect(rows).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(rows).toContain('␛]0;x');
});

test('words as they could be typed', () => {
  expect(['a-b', 'a b', "it's", ''].map(quoted)).toEqual(['a-b', "'a b'", "'it'\\''s'", "''"]);
});
