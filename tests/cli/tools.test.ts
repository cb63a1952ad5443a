import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { verifies } from '@sovereign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandLine, program } from './command.ts';

let line: CommandLine;

beforeAll(async () => {
  line = await CommandLine.create();
});

afterAll(() => line.dispose());

describe('calls that are wrong', () => {
  test.each([
    [['rn'], 'Did you mean sovereign run?'],
    [['run', '--wrkspace', 'x', '--', 'true'], 'Did you mean --workspace?'],
    [['run'], 'needs a command'],
    [['run', '--memory', 'much', '--', 'true'], '--memory: much'],
    [['run', '--no-workspace', '--read-only', '--', 'true'], 'does not go with'],
    [['run', '--image', '/no/such', '--', 'true'], 'such as alpine:3'],
    [['run', '--volume', '/etc:/data', '--', 'true'], 'A volume has a name'],
    [['images'], 'needs one of its commands'],
    [['images', 'pll', 'x'], 'Did you mean sovereign images pull?'],
    [['completion', 'fish'], 'bash or zsh'],
  ])('%j', async (words, said) => {
    const ended = await line.call(words);
    expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(said) });
    expect(ended.stderr).toMatch(/^sovereign: .*\n$/);
  });

  test('are told as JSON when that was asked for', async () => {
    expect(await line.json(['run', '--wrkspace', 'x'])).toEqual({
      error: {
        code: 'INVALID_ARGUMENT',
        reason: 'argument.invalid',
        message: 'sovereign run has no option --wrkspace.',
        hint: 'Did you mean --workspace?',
        retryable: false,
        context: {},
      },
    });
  });
});

test('a workspace that is refused says what to do', async () => {
  const ended = await line.call(['run', '--', 'true'], { cwd: '/' });
  expect(ended).toMatchObject({ exitCode: 125, stdout: '' });
  expect(ended.stderr).toContain('--workspace DIR');
  expect(ended.stderr).toContain('--no-workspace');
});

test('an escape in an argument does not reach the terminal', async () => {
  const { stderr } = await line.call(['exec', '\u001b[2Jevil', 'true']);
  expect(stderr).not.toContain('\u001b');
});

test('version, three ways', async () => {
  for (const word of ['--version', '-v', 'version']) {
    expect(await line.call([word])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^sovereign \d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  }
  expect(await line.json(['version'])).toEqual({
    version: expect.any(String),
    node: process.version,
    platform: process.platform,
    arch: process.arch,
  });
});

test('help of everything, and of every command', async () => {
  const overview = await line.call([]);
  expect(overview).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Commands:') });
  expect((await line.call(['--help'])).stdout).toBe(overview.stdout);
  const names = [...overview.stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)].map(
    ([, name = '']) => name,
  );
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    const { exitCode, stdout } = await line.call([...name.split(' '), '--help']);
    expect([name, exitCode, stdout.includes(`Usage: sovereign ${name}`), stdout.includes('Example')]).toEqual(
      [name, 0, true, true],
    );
    expect((await line.call(['help', ...name.split(' ')])).stdout).toBe(stdout);
  }
});

verifies('R-TIER-8', 'doctor tries every tier and says what each stands on', async () => {
  const { ok, tiers, ledger, paths } = await line.json(['doctor']);
  expect(tiers).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ tier: 'microvm', isAvailable: false, hint: expect.stringMatching(/./) }),
      expect.objectContaining({ tier: 'process', detail: expect.stringMatching(/./) }),
    ]),
  );
  expect(ledger === null || typeof ledger === 'object').toBe(true);
  expect(paths).toMatchObject({ stateDir: join(line.home, 'state') });
  const { exitCode, stdout } = await line.call(['doctor']);
  expect(exitCode).toBe(ok === true ? 0 : 1);
  expect(Buffer.from(stdout, 'latin1').toString()).toMatch(/^[✓✗] Tier 1 · microvm/);
  expect(await line.leftovers()).toEqual([]);
});

verifies('R-GOV-2', 'audit lists what was done, and verify sees a change', async () => {
  await line.call(['exec', 'no-such', 'true']);
  await line.call(['doctor']);
  expect(await line.call(['audit', 'verify'])).toMatchObject({ exitCode: 0 });
  const listed = await line.call(['audit', 'list', '--limit', '5']);
  expect(listed.stdout.split('\n')[0]).toMatch(/^TIME +VIA +ACTION +SANDBOX +WHAT +RESULT$/);
  expect(listed.stdout.trim().split('\n')).toHaveLength(6);
  const lines = (await line.call(['audit', 'list', '--json', '-n', '0'])).stdout.trim().split('\n');
  for (const one of lines) {
    expect(JSON.parse(one)).toMatchObject({
      at: expect.any(Number),
      actor: { via: 'cli' },
      action: { kind: expect.any(String) },
    });
  }
  expect((await line.call(['audit', 'list', '--since', '2999-01-01', '--json'])).stdout).toBe('');
  const ledger = join(line.home, 'ledger');
  const lane = (await readdir(ledger)).find((name) => name.endsWith('.jsonl')) ?? '';
  await appendFile(join(ledger, lane), '{"seq":1,"forged":true}\n');
  const verdict = await line.call(['audit', 'verify', '--json']);
  expect(verdict.exitCode).toBe(1);
  expect(JSON.parse(verdict.stdout)).toMatchObject({ ok: false, problems: [expect.any(Object)] });
});

test('completion: the script is one, and asks for candidates', async () => {
  const { stdout } = await line.call(['completion', 'bash']);
  expect(spawnSync('bash', ['-n'], { input: stdout }).status).toBe(0);
  expect((await line.call(['__complete', '--', 'au'])).stdout).toBe('audit\n');
  expect((await line.call(['__complete', '--', 'run', '--network', ''])).stdout).toBe('none\nhost\n');
  const script = `sovereign() { "${process.execPath}" "${program}" "$@"; }
    source <(sovereign completion bash); COMP_WORDS=(sovereign audit v); COMP_CWORD=2; _sovereign 2>/dev/null; echo "\${COMPREPLY[@]}"`;
  const asked = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { ...process.env, SOVEREIGN_HOME: line.home },
  });
  expect(asked.stdout).toBe('verify\n');
});

test('works through a link, from anywhere', async () => {
  const bin = join(line.home, 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(program, join(bin, 'sovereign'));
  const env = { ...process.env, SOVEREIGN_HOME: line.home };
  const { status, stdout } = spawnSync(process.execPath, [join(bin, 'sovereign'), 'doctor', '--json'], {
    cwd: '/',
    env,
    encoding: 'utf8',
  });
  expect([
    status === 0 || status === 1,
    (JSON.parse(stdout) as { pythonLibrary: unknown }).pythonLibrary,
  ]).toEqual([true, expect.stringContaining('/python')]);
});

test('output that nobody reads any more ends it quietly', async () => {
  const command = `"${process.execPath}" "${program}" help run | head -1; exit \${PIPESTATUS[0]}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['Usage: sovereign run [OPTIONS] [COMMAND] [ARGS…]\n', '']);
});
