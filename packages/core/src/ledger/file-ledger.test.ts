import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Action, Actor } from '../contract/action.ts';
import { parseSandboxId } from '../identity/sandbox-id.ts';
import { FileLedger } from './file-ledger.ts';
import { readLedger } from './read-ledger.ts';
import { buildLine, noHash } from './record-line.ts';
import { verifyLedger } from './verify-ledger.ts';

const sandbox = parseSandboxId('sbx_000000000001');
const actor: Actor = { via: 'test', user: 'nobody' };
const runtime = { type: 'fake', tier: 'process', isIsolated: false } as const;
const remove: Action = { kind: 'sandbox.remove', sandbox };
const deadLock = `lane-0000.4194304.1.${'0'.repeat(32)}.0.00.lock`;

let root = '';
let directory = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ledger-'));
  directory = join(root, 'ledger');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function act(ledger: FileLedger, times = 1): void {
  for (let index = 0; index < times; index++) {
    ledger.outcome(ledger.intent(remove, actor, runtime), runtime, { ok: true, facts: { index } });
  }
}

function lanePath(name = 'lane-0000.jsonl'): string {
  return join(directory, name);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Leaves the ledger as a process does that is killed: its lock there, its holder gone. */
function crash(): void {
  for (const name of readdirSync(directory)) if (name.endsWith('.lock')) rmSync(lanePath(name));
  writeFileSync(lanePath(deadLock), '');
}

describe('writing', () => {
  test('nothing is touched before the first record', () => {
    new FileLedger({ directory }).close();
    expect(() => statSync(directory)).toThrow();
  });

  test('intent and outcome are joined by id, one lane is reused by one process after the other', async () => {
    for (let run = 0; run < 3; run++) {
      const ledger = new FileLedger({ directory });
      act(ledger, 2);
      ledger.close();
    }
    const verdict = await verifyLedger(directory);
    expect(verdict).toEqual({ ok: true, lanes: 1, records: 18, problems: [], intentsWithoutOutcome: [] });
    const records = await collect(readLedger(directory, { kinds: ['intent'] }));
    expect(records.map((record) => record.id)).toEqual([
      'act_0_2',
      'act_0_4',
      'act_0_8',
      'act_0_10',
      'act_0_14',
      'act_0_16',
    ]);
    expect(records[0]?.members).toMatchObject({ actor, runtime, action: remove });
  });

  test('the directory is 0700 and every file in it 0600', () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory))
      expect([name, statSync(lanePath(name)).mode & 0o777]).toEqual([name, 0o600]);
    ledger.close();
  });

  test('writers at the same time have a lane each, and lane 0 is taken again when it is free', async () => {
    const [a, b, c] = [0, 1, 2].map(() => new FileLedger({ directory }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('unreachable');
    act(a);
    act(b);
    act(c);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, lanes: 3 });
    a.close();
    const d = new FileLedger({ directory });
    act(d);
    b.close();
    c.close();
    d.close();
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, lanes: 3, records: 16 });
  });

  test('a full segment is followed by the next, the chain goes on', async () => {
    for (let run = 0; run < 2; run++) {
      const ledger = new FileLedger({ directory, maxSegmentBytes: 2_000 });
      act(ledger, 10);
      ledger.close();
    }
    expect(readdirSync(directory).filter((name) => name.endsWith('.jsonl')).length).toBeGreaterThan(3);
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, records: 44 });
    rmSync(lanePath('lane-0000.1.jsonl'));
    expect((await verifyLedger(directory)).ok).toBe(false);
  });

  test('a record longer than a line may be is refused before anything is done', () => {
    const ledger = new FileLedger({ directory });
    const action: Action = { kind: 'file.stat', sandbox, path: 'ä'.repeat(600_000) };
    expect(() => ledger.intent(action, actor, runtime)).toThrow(
      expect.objectContaining({ reason: 'argument.too-large' }),
    );
    act(ledger);
    ledger.close();
  });

  test('after close nothing is recorded any more', () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    ledger.close();
    expect(() => ledger.intent(remove, actor, runtime)).toThrow(
      expect.objectContaining({ reason: 'ledger.unwritable' }),
    );
  });

  test('several processes at once lose nothing and share no lane', async () => {
    const script = `
      import { FileLedger } from ${JSON.stringify(new URL('./file-ledger.ts', import.meta.url).href)};
      for (let run = 0; run < 5; run++) {
        const ledger = new FileLedger({ directory: ${JSON.stringify(directory)} });
        for (let i = 0; i < 50; i++) {
          const id = ledger.intent(${JSON.stringify(remove)}, ${JSON.stringify(actor)}, ${JSON.stringify(runtime)});
          ledger.outcome(id, ${JSON.stringify(runtime)}, { ok: true, facts: {} });
        }
        ledger.close();
      }`;
    const args = [
      '--import',
      'tsx',
      '--conditions=@sovereign/source',
      '--input-type=module',
      '--eval',
      script,
    ];
    const cwd = new URL('../../../..', import.meta.url);
    const exits = await Promise.all(
      Array.from(
        { length: 6 },
        () =>
          new Promise((resolve) =>
            spawn(process.execPath, args, { cwd, stdio: 'inherit' }).on('exit', resolve),
          ),
      ),
    );
    expect(exits).toEqual([0, 0, 0, 0, 0, 0]);
    const verdict = await verifyLedger(directory);
    expect(verdict).toMatchObject({ ok: true, records: 6 * 5 * 102, problems: [] });
    expect(readdirSync(directory).filter((name) => name.endsWith('.lock'))).toEqual([]);
  }, 60_000);

  test('10,000 appends', () => {
    const ledger = new FileLedger({ directory });
    const action: Action = {
      kind: 'exec.start',
      sandbox,
      argv: ['true'],
      cwd: '/workspace',
      envNames: [],
      stdinBytes: 0,
      timeoutMs: 0,
      idleTimeoutMs: 0,
      hasPty: false,
      session: 0,
    };
    const facts = { exitCode: 0, signal: null, cause: 'exited', stdoutBytes: 0, stderrBytes: 0, wallMs: 1 };
    const pair = () => ledger.outcome(ledger.intent(action, actor, runtime), runtime, { ok: true, facts });
    for (let index = 0; index < 2_000; index++) pair();
    const start = performance.now();
    for (let index = 0; index < 5_000; index++) pair();
    console.log(`ledger: ${((performance.now() - start) / 10).toFixed(2)} µs per record`);
    ledger.close();
  });
});

describe('crashes', () => {
  test('an intent without outcome is named', async () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    const id = ledger.intent(remove, actor, runtime);
    crash();
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, intentsWithoutOutcome: [id] });
  });

  test('the lane of a process that was killed is taken over, and says so', async () => {
    const script = `
      import { FileLedger } from ${JSON.stringify(new URL('./file-ledger.ts', import.meta.url).href)};
      const ledger = new FileLedger({ directory: ${JSON.stringify(directory)} });
      ledger.intent(${JSON.stringify(remove)}, ${JSON.stringify(actor)}, ${JSON.stringify(runtime)});
      process.kill(process.pid, 'SIGKILL');`;
    const args = [
      '--import',
      'tsx',
      '--conditions=@sovereign/source',
      '--input-type=module',
      '--eval',
      script,
    ];
    const cwd = new URL('../../../..', import.meta.url);
    await new Promise((resolve) =>
      spawn(process.execPath, args, { cwd, stdio: 'inherit' }).on('exit', resolve),
    );
    const next = new FileLedger({ directory });
    act(next);
    next.close();
    expect(await verifyLedger(directory)).toMatchObject({
      ok: true,
      lanes: 1,
      intentsWithoutOutcome: ['act_0_2'],
    });
    const opened = await collect(readLedger(directory, { kinds: ['lane.opened'] }));
    expect(opened.map((record) => record.members['after'])).toEqual(['nothing', 'crash']);
    expect(readdirSync(directory).filter((name) => name.endsWith('.lock'))).toEqual([]);
  }, 30_000);

  test('a torn last line is recovered by a record that vouches for its bytes, at every length', async () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    crash();
    const before = readFileSync(lanePath());
    const last = JSON.parse(before.toString().trimEnd().split('\n').at(-1) ?? '') as {
      seq: number;
      hash: string;
    };
    const torn = buildLine(
      { seq: last.seq + 1, prev: last.hash },
      1_760_000_000_000,
      'intent',
      ',"id":"act_0_4","text":"ä"',
    ).line;
    for (let length = 1; length < Buffer.byteLength(torn); length += length < 30 ? 1 : 17) {
      writeFileSync(lanePath(), Buffer.concat([before, Buffer.from(torn).subarray(0, length)]));
      crash();
      expect((await verifyLedger(directory)).ok).toBe(false);
      const next = new FileLedger({ directory });
      act(next);
      next.close();
      expect([length, (await verifyLedger(directory)).problems]).toEqual([length, []]);
    }
  });

  test('a record that lacks only its newline counts as written', async () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    crash();
    writeFileSync(lanePath(), readFileSync(lanePath()).subarray(0, -1));
    const next = new FileLedger({ directory });
    act(next);
    next.close();
    const verdict = await verifyLedger(directory);
    expect(verdict).toMatchObject({ ok: true, records: 7 });
  });

  test('a torn very first line is recovered too, and the recovery may itself be torn', async () => {
    new FileLedger({ directory }).close();
    const first = new FileLedger({ directory });
    act(first);
    crash();
    const torn = buildLine({ seq: 1, prev: noHash }, 1, 'lane.opened', '').line;
    writeFileSync(lanePath(), `${torn.slice(0, 40)}\n${torn.slice(0, 9)}`);
    const next = new FileLedger({ directory });
    act(next);
    next.close();
    expect((await verifyLedger(directory)).problems).toEqual([]);
  });

  test('a lane whose end was changed is left alone, the next lane is used', async () => {
    const ledger = new FileLedger({ directory });
    act(ledger);
    ledger.close();
    const bytes = readFileSync(lanePath());
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    writeFileSync(lanePath(), bytes);
    const next = new FileLedger({ directory });
    act(next);
    next.close();
    expect(readFileSync(lanePath())).toEqual(bytes);
    const verdict = await verifyLedger(directory);
    expect(verdict.lanes).toBe(2);
    expect(verdict.problems.map((problem) => problem.lane)).toContain(0);
    expect(verdict.problems.map((problem) => problem.lane)).not.toContain(1);
  });
});

describe('damage', () => {
  /** Two lanes, a crash and its recovery among their records. */
  function build(): Map<string, Buffer> {
    const a = new FileLedger({ directory });
    act(a, 2);
    crash();
    appendFileSync(lanePath(), '{"seq":6,"at":17');
    const b = new FileLedger({ directory });
    act(b, 2);
    const c = new FileLedger({ directory });
    act(c, 2);
    c.close();
    b.close();
    const names = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
    return new Map(names.map((name) => [name, readFileSync(lanePath(name))]));
  }

  test('any single changed byte is detected', async () => {
    const files = build();
    expect((await verifyLedger(directory)).problems).toEqual([]);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files.keys()),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, xor) => {
          const whole = files.get(name) ?? Buffer.alloc(0);
          const changed = Buffer.from(whole);
          changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ xor;
          writeFileSync(lanePath(name), changed);
          const verdict = await verifyLedger(directory);
          writeFileSync(lanePath(name), whole);
          return !verdict.ok;
        },
      ),
      { numRuns: 600 },
    );
  });

  test('any line removed, repeated or moved is detected', async () => {
    const files = build();
    for (const [name, whole] of files) {
      const lines = whole.toString().trimEnd().split('\n');
      const variants = lines.flatMap((line, index) => [
        ['removed', lines.toSpliced(index, 1)] as const,
        ['repeated', lines.toSpliced(index, 0, line)] as const,
        ...(index > 0
          ? [['moved', lines.toSpliced(index - 1, 2, line, lines[index - 1] ?? '')] as const]
          : []),
      ]);
      for (const [what, variant] of variants) {
        writeFileSync(lanePath(name), `${variant.join('\n')}\n`);
        expect([name, what, variant.length, (await verifyLedger(directory)).ok]).toEqual([
          name,
          what,
          variant.length,
          false,
        ]);
      }
      writeFileSync(lanePath(name), whole);
    }
  });

  test('any lane removed is detected', async () => {
    const files = build();
    for (const [name, whole] of files) {
      rmSync(lanePath(name));
      expect([name, (await verifyLedger(directory)).ok]).toEqual([name, false]);
      writeFileSync(lanePath(name), whole);
    }
    expect((await verifyLedger(directory)).ok).toBe(true);
  });

  test('content that no writer of ours made harms nothing', async () => {
    const files = build();
    const deep = `${'['.repeat(200_000)}\n`;
    const forged = `{"seq":1,"__proto__":{"x":1}}\n${deep}\u0000\n${'x'.repeat(3_000_000)}\n\n`;
    writeFileSync(lanePath(), forged + (files.get('lane-0000.jsonl')?.toString() ?? ''));
    const verdict = await verifyLedger(directory);
    expect(verdict.ok).toBe(false);
    expect(await collect(readLedger(directory, { sandbox: 'sbx_nobody' }))).toEqual([]);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk (needs root for a small tmpfs)', () => {
  test('what was begun gets its outcome, new intents are refused until there is room', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'ledger-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
    directory = join(mount, 'ledger');
    try {
      const ledger = new FileLedger({ directory });
      act(ledger, 3);
      const begun = [ledger.intent(remove, actor, runtime), ledger.intent(remove, actor, runtime)];
      const filler = join(mount, 'filler');
      expect(() => {
        for (;;) appendFileSync(filler, Buffer.alloc(1000, 1));
      }).toThrow();
      const refused = expect.objectContaining({ reason: 'ledger.unwritable' });
      // What is left in the lane's last page takes a few more records; then a write is cut short.
      expect(() => {
        for (;;) begun.push(ledger.intent(remove, actor, runtime));
      }).toThrow(refused);
      for (const id of begun) ledger.outcome(id, runtime, { ok: true, facts: {} });
      expect(readdirSync(directory)).not.toContain('lane-0000.reserve');
      // What the outcomes did not use of the reserve is too little to restore it.
      expect(() => ledger.intent(remove, actor, runtime)).toThrow(refused);
      rmSync(filler);
      act(ledger);
      expect(readdirSync(directory)).toContain('lane-0000.reserve');
      ledger.close();
      expect(await verifyLedger(directory)).toMatchObject({
        ok: true,
        problems: [],
        intentsWithoutOutcome: [],
      });
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    }
  });
});
