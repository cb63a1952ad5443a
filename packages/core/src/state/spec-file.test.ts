import { describe, expect, test } from 'vitest';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import { formatSpecFile, parseSpecFile } from './spec-file.ts';

const id = 'sbx_000000000001' as SandboxSpec['id'];
const spec: SandboxSpec = {
  id,
  name: 'a-name.1',
  image: { kind: 'host' },
  workspace: { hostPath: '/w', guestPath: '/x', isReadOnly: true, granted: ['.git/hooks'], isReviewed: true },
  env: { A: 'b', constructor: 'c', ['__proto__x']: 'd' },
  limits: { memoryBytes: 1, pids: 2, cpus: 0.5 },
  network: 'none',
  isInsecure: false,
  volumes: [{ volume: 'data', guestPath: '/data', isReadOnly: true }],
  strategy: 'task',
  scope: 'build-1',
  lifetime: { idleMs: 1000, maxMs: 2000, onExpiry: 'remove' },
  labels: { a: 'b' },
  createdMs: 1,
};
const corrupt: unknown = expect.objectContaining({ reason: 'sandbox.state-corrupt' });

describe('spec.json', () => {
  test('what is written is read again', () => {
    expect(parseSpecFile('p', formatSpecFile(spec), id)).toEqual(spec);
  });

  test('the file of another sandbox is none of ours', () => {
    expect(() => parseSpecFile('p', formatSpecFile(spec), 'sbx_000000000002' as SandboxSpec['id'])).toThrow(
      corrupt,
    );
  });

  test('hostile texts are corrupt, whatever they are', () => {
    const whole = JSON.stringify(spec);
    const { createdMs: _, ...partial } = spec;
    const hostile = [
      '',
      ' ',
      'null',
      '1',
      '"x"',
      '[]',
      '{}',
      '{',
      whole.slice(0, -1),
      `${whole}x`,
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
      `"${'x'.repeat(3_000_000)}"`,
      JSON.stringify(partial),
      ...[
        { isPrivileged: true },
        { id: 'sbx_x' },
        { id: '../../etc' },
        { id: 1 },
        { name: '../x' },
        { name: 'A' },
        { name: '' },
        { name: 'a/b' },
        { name: 'a\0' },
        { name: 'x'.repeat(64) },
        { image: 'host' },
        { image: { kind: 'docker' } },
        { image: { kind: 'tar' } },
        { image: { kind: 'host', path: '/' } },
        { workspace: '/' },
        { workspace: { hostPath: 1 } },
        { workspace: { hostPath: '/', isWritable: true } },
        { workspace: { hostPath: '/', granted: Array(65).fill('x') } },
        { env: { A: 1 } },
        { env: ['A'] },
        { env: null },
        { env: 'A=b' },
        { labels: { a: {} } },
        { limits: { pids: -1 } },
        { limits: { pids: 1.5 } },
        { limits: { pids: '1' } },
        { limits: { cpus: -1 } },
        { limits: { memoryBytes: 1e300 } },
        { limits: { disk: 1 } },
        { network: 'all' },
        { network: null },
        { isInsecure: 'no' },
        { createdMs: -1 },
        { createdMs: '0' },
        { image: { kind: 'reference' } },
        { volumes: {} },
        { volumes: [{ volume: '../x', guestPath: '/data' }] },
        { strategy: 'forever' },
        { scope: 'a/b' },
        { lifetime: { idleMs: -1 } },
        { lifetime: { onExpiry: 'explode' } },
      ].map((change) => JSON.stringify({ ...spec, ...change })),
    ];
    for (const text of hostile)
      expect(() => parseSpecFile('p', text, id), text.slice(0, 80)).toThrow(corrupt);
  });

  test('no text reaches the prototype of anything', () => {
    const text = JSON.stringify(spec).replace('"env":{', '"env":{"__proto__":"polluted",');
    const parsed = parseSpecFile('p', text, id);
    expect(Object.getPrototypeOf(parsed.env)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(() =>
      parseSpecFile('p', JSON.stringify(spec).replace('{', '{"__proto__":{"isInsecure":true},'), id),
    ).toThrow();
  });

  test('what could not be read again is not written', () => {
    expect(() => formatSpecFile({ ...spec, env: { A: 'x'.repeat(2_200_000) } })).toThrow(
      expect.objectContaining({ reason: 'argument.too-large' }),
    );
    expect(() => formatSpecFile({ ...spec, env: { A: '\u0000'.repeat(400_000) } })).toThrow(
      expect.objectContaining({ reason: 'argument.too-large' }),
    );
    expect(() => formatSpecFile({ ...spec, name: 'Bad Name' })).toThrow(
      expect.objectContaining({ reason: 'argument.invalid' }),
    );
  });

  test('the message names the file, and is short', () => {
    try {
      parseSpecFile('/the/path', JSON.stringify({ ...spec, env: { A: 1 } }), id);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toContain('/the/path');
      expect((error as Error).message.length).toBeLessThan(400);
    }
  });
});
