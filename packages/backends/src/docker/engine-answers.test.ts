import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { SandboxSpec } from '@sovereign/core';
import { readChanges } from './container-changes.ts';
import { envOf, guestState, readInspect, readSummaries } from './container-state.ts';
import { engineUnavailable } from './engine-errors.ts';
import { readFacts } from './engine-facts.ts';
import { readStats } from './guest-stats.ts';
import { imageChanges } from './image-changes.ts';
import { pullFailed, withoutDigest } from './image-errors.ts';
import { normalReference, readImage, splitReference } from './image-record.ts';
import { errorOfLine, progressLines } from './progress-lines.ts';

const failed: unknown = expect.objectContaining({ reason: 'engine.failed' });

describe('answers of an engine', () => {
  test('what is no answer is engine.failed, whatever it is', () => {
    for (const answer of [undefined, null, 1, 'x', [], [1], { Id: 1 }, { Id: 'x' }, { State: {} }]) {
      expect(() => readInspect(answer), JSON.stringify(answer)).toThrow(failed);
    }
    for (const answer of [undefined, null, 'x', {}, [{}], [{ Id: 1 }]])
      expect(() => readSummaries(answer)).toThrow(failed);
    expect(() => readImage({})).toThrow(failed);
    expect(() => readStats('x')).toThrow(failed);
    expect(() => readFacts({ apiVersion: '1.41', isPodman: false }, 'x', true)).toThrow(failed);
  });

  test('states of Docker and Podman are states of a guest', () => {
    expect(
      ['created', 'configured', 'running', 'paused', 'exited', 'dead', 'removing', '???'].map(guestState),
    ).toEqual(['created', 'created', 'running', 'paused', 'stopped', 'stopped', undefined, 'broken']);
  });

  test('no name in an environment reaches a prototype', () => {
    expect(Object.getPrototypeOf(envOf(['__proto__=x', 'A=b=c', '=x', 'EMPTY']))).toBe(Object.prototype);
    expect(envOf(['A=b=c', 'EMPTY', '=x'])).toEqual({ A: 'b=c', EMPTY: '' });
  });

  test('Docker Desktop and engines behind a network are other hosts', () => {
    const info = {
      OSType: 'linux',
      KernelVersion: (process.report.getReport() as { header?: { osRelease?: string } }).header?.osRelease,
    };
    const greeting = { apiVersion: '1.41', isPodman: false };
    expect(readFacts(greeting, info, true).isSameHost).toBe(process.platform === 'linux');
    expect(readFacts(greeting, info, false).isSameHost).toBe(false);
    expect(readFacts(greeting, { ...info, OperatingSystem: 'Docker Desktop 4' }, true).isSameHost).toBe(
      false,
    );
    expect(readFacts(greeting, { ...info, KernelVersion: 'other' }, true).isSameHost).toBe(false);
  });

  test('a connection that fails says what to do', () => {
    const about = (code: string): string =>
      engineUnavailable('/x.sock', Object.assign(new Error('x'), { code })).message;
    expect(about('EACCES')).toContain('does not let this user in');
    expect(about('ENOENT')).toContain('no socket is there');
    expect(about('ECONNREFUSED')).toContain('nobody listens');
    expect(about('ECONNRESET')).toContain('went away');
  });

  test('lines of progress: across pieces, without what is none, and never without end', async () => {
    const collect = async (text: string): Promise<number> => {
      let count = 0;
      for await (const line of progressLines(
        Readable.from([text.slice(0, 7), text.slice(7)].map(Buffer.from)),
      ))
        count += errorOfLine(line) === undefined ? 1 : 100;
      return count;
    };
    expect(await collect('{"status":"a"}\nnot json\n{"error":"x"}')).toBe(101);
    await expect(collect('x'.repeat(3_000_000))).rejects.toMatchObject({ reason: 'engine.failed' });
  });

  test('changes of a guest leave out what engines mount', () => {
    const spec = { workspace: { hostPath: '/w' }, image: { kind: 'host' } } as unknown as SandboxSpec;
    const changes = [
      { Path: '/run', Kind: 0 },
      { Path: '/run/sovereign', Kind: 1 },
      { Path: '/workspace', Kind: 1 },
      { Path: '/etc', Kind: 0 },
      { Path: '/etc/hosts', Kind: 1 },
      { Path: '/srv', Kind: 0 },
      { Path: '/srv/x', Kind: 2 },
    ];
    expect(readChanges(changes, spec)).toEqual([
      { kind: 'modified', path: '/srv' },
      { kind: 'removed', path: '/srv/x' },
    ]);
    expect(readChanges(null, spec)).toEqual([]);
  });
});

describe('names of images', () => {
  test('are what Docker makes of them', () => {
    expect(normalReference('alpine')).toBe('docker.io/library/alpine:latest');
    expect(normalReference('team/app:1')).toBe('docker.io/team/app:1');
    expect(normalReference('localhost/app')).toBe('localhost/app:latest');
    expect(normalReference('r.example:5000/app')).toBe('r.example:5000/app:latest');
    expect(normalReference('app@sha256:1')).toBe('docker.io/library/app@sha256:1');
    expect(splitReference('r:5000/app:2')).toEqual({ repository: 'r:5000/app', tag: '2' });
  });

  test('of something new are refused when they are none', () => {
    for (const name of ['UPPER', 'a b', '../x', 'x@sha256:1', 'x:', 'x\n'])
      expect(() => withoutDigest(name), name).toThrow(expect.objectContaining({ reason: 'image.invalid' }));
    expect(withoutDigest('x')).toBe('docker.io/library/x:latest');
  });

  test('a pull that fails has the reason that the registry gave', () => {
    const reasons = [
      'unauthorized: authentication required',
      'manifest unknown',
      'filesystem layer verification failed for digest',
      'connection refused',
    ];
    expect(reasons.map((said) => pullFailed('x', said).reason)).toEqual([
      'image.denied',
      'image.not-found',
      'image.corrupt',
      'image.pull-failed',
    ]);
  });
});

test('a configuration cannot smuggle in an instruction', () => {
  expect(imageChanges({ env: { A: 'x "$y\\' } }, 'Docker')).toEqual(['ENV A="x \\"\\$y\\\\"']);
  for (const config of [
    { env: { A: 'x\nUSER root' } },
    { user: 'a b' },
    { env: { 'A B': 'x' } },
    { workingDirectory: '/\nX' },
  ])
    expect(() => imageChanges(config, 'Docker')).toThrow(
      expect.objectContaining({ reason: 'argument.invalid' }),
    );
});
