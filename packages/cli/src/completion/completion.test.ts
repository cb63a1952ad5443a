import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { candidatesFor } from './candidates.ts';
import { completionScripts } from './scripts.ts';

test.each([
  ['', expect.arrayContaining(['run', 'exec', 'audit', 'doctor'])],
  ['audit ', ['list', 'verify']],
  ['help audit ', ['list', 'verify']],
  ['run --ti', expect.arrayContaining(['--tier', '--timeout', '--json'])],
  ['run --network ', ['none', 'host']],
  ['completion ', ['bash', 'zsh']],
])('words after %j', (line, words) => {
  expect(candidatesFor(line.split(' ')).words).toEqual(words);
});

test.each([
  ['exec ', 'sandbox'],
  ['rm dev ', 'sandbox'],
  ['audit list --sandbox ', 'sandbox'],
  ['run --workspace ', 'directory'],
  ['cp ', 'file'],
  ['run -- ', 'file'],
  ['top dev ', undefined],
  ['link web ', 'sandbox'],
  ['link web db:5432 ', undefined],
  ['exec -e A=1 ', 'sandbox'],
])('kind after %j', (line, completes) => {
  expect(candidatesFor(line.split(' ')).completes).toBe(completes);
});

test('hidden commands are not offered', () => {
  expect(candidatesFor(['']).words).not.toContain('__complete');
});

test('the script for bash is one', () => {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: completionScripts.bash, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});
