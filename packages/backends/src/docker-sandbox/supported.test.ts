import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxSpec } from '@sovereign/core';
import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { ProgramKind } from './command-line.ts';
import { createRequest } from './supported.ts';

describe('what Docker Sandboxes can give', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'supported-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const request = (overrides: Partial<SandboxSpec>, kind: ProgramKind = 'sbx') =>
    createRequest({ spec: sandboxSpecForTest(overrides), name: 'one', kind, emptyDirectory: '/empty' });

  verifies('R-TIER-6', 'limits are rounded up to what can be said, an image is named', () => {
    expect(
      request({
        image: { kind: 'reference', reference: 'team/image:1' },
        limits: { memoryBytes: 600 * 1024 * 1024 + 1, cpus: 0.5 },
      }),
    ).toEqual({ name: 'one', template: 'team/image:1', memoryMib: 601, cpus: 1, workspaces: ['/empty'] });
  });

  verifies('R-TIER-6', 'a workspace stands alone, and read-only behind an empty directory', () => {
    expect(request({ workspace: { hostPath: directory } }).workspaces).toEqual([directory]);
    expect(request({ workspace: { hostPath: directory, isReadOnly: true } }).workspaces).toEqual([
      ...['/empty', `${directory}:ro`],
    ]);
  });

  const refusals: readonly (readonly [string, Partial<SandboxSpec>, string, ProgramKind?])[] = [
    ['insecure', { isInsecure: true }, 'argument.invalid'],
    ['the network of the host', { network: 'host' }, 'capability.missing'],
    ['volumes', { volumes: [{ volume: 'v', guestPath: '/v' }] }, 'capability.missing'],
    ['a root directory', { image: { kind: 'rootfs', path: '/root-fs' } }, 'image.invalid'],
    ['a tar archive', { image: { kind: 'tar', path: '/image.tar' } }, 'image.invalid'],
    ['a limit on processes', { limits: { pids: 64 } }, 'limit.unsupported'],
    ['too little memory', { limits: { memoryBytes: 1024 * 1024 } }, 'limit.unsupported'],
    ['memory of the plugin', { limits: { memoryBytes: 2 ** 30 } }, 'limit.unsupported', 'plugin'],
    ['processors of the plugin', { limits: { cpus: 1 } }, 'limit.unsupported', 'plugin'],
  ];
  for (const [what, overrides, reason, kind] of refusals)
    verifies('R-TIER-6', `refused: ${what}`, () => {
      expect(() => request(overrides, kind)).toThrow(
        expect.objectContaining({ reason, hint: expect.stringMatching(/\S/) }),
      );
    });

  verifies(
    'R-TIER-6',
    'refused: a workspace elsewhere inside, under review, missing, or with a colon',
    () => {
      const colon = join(directory, 'a:ro');
      mkdirSync(colon);
      for (const [workspace, reason] of [
        [{ hostPath: directory, guestPath: '/workspace' }, 'capability.missing'],
        [{ hostPath: directory, isReviewed: true }, 'capability.missing'],
        [{ hostPath: join(directory, 'none') }, 'workspace.refused'],
        [{ hostPath: colon }, 'workspace.refused'],
      ] as const)
        expect(() => request({ workspace })).toThrow(expect.objectContaining({ reason }));
    },
  );

  verifies('R-TIER-6', 'what runs later on the host is not shown to a guest unless it is granted', () => {
    mkdirSync(join(directory, '.git', 'hooks'), { recursive: true });
    writeFileSync(join(directory, '.envrc'), '');
    const workspace = { hostPath: directory };
    expect(() => request({ workspace })).toThrow(
      expect.objectContaining({
        reason: 'workspace.refused',
        message: expect.stringMatching(/\.git\/hooks, \.envrc/),
        hint: expect.stringContaining('--grant .git/hooks --grant .envrc'),
      }),
    );
    expect(() => request({ workspace: { ...workspace, granted: ['.envrc'] } })).toThrow('.git/hooks');
    expect(request({ workspace: { ...workspace, granted: ['.envrc', '.git/hooks'] } }).workspaces).toEqual([
      directory,
    ]);
    expect(request({ workspace: { ...workspace, isReadOnly: true } }).workspaces).toHaveLength(2);
  });
});
