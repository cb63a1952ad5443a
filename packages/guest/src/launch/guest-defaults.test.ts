import type { ImageConfig, SandboxSpec } from '@sovereign/core';
import { describe, expect, test } from 'vitest';
import { guestDefaults, imageDirectory } from './guest-defaults.ts';

const spec: SandboxSpec = {
  id: 'sbx_000000000000' as SandboxSpec['id'],
  image: { kind: 'reference', reference: 'base:1' },
  env: {},
  labels: {},
  network: 'none',
  isInsecure: false,
  createdMs: 0,
  limits: {},
};

function image(overrides: Partial<ImageConfig> = {}): ImageConfig {
  const nothing = { entrypoint: [], command: [], exposedPorts: [], labels: {}, stopSignal: '' };
  return { ...nothing, env: {}, workingDirectory: '', user: '', ...overrides };
}

describe('guest defaults', () => {
  test('an image says what it wants; where commands find our own is not its to say', () => {
    const env = { HOME: '/data', COLOUR: 'blue', PYTHONPATH: '/evil', SOVEREIGN_SANDBOX: 'other' };
    const { baseEnv, isHomeDefault, user, workspacePath } = guestDefaults(
      spec,
      image({ env, user: 'app', workingDirectory: '/data' }),
    );
    expect(baseEnv).toMatchObject({ HOME: '/data', COLOUR: 'blue', SOVEREIGN_SANDBOX: spec.id });
    expect(baseEnv['PYTHONPATH']).not.toBe('/evil');
    expect([isHomeDefault, user, workspacePath]).toEqual([false, 'app', '/data']);
  });

  test('without an image, and with one that says nothing, it is ours', () => {
    for (const given of [undefined, image()]) {
      const { baseEnv, ...rest } = guestDefaults(spec, given);
      expect(baseEnv['HOME']).toBe('/root');
      expect(rest).toEqual({ workspacePath: '/', isHomeDefault: true });
    }
  });

  test('a workspace goes before WORKDIR', () => {
    const sandbox: SandboxSpec = { ...spec, workspace: { hostPath: '/host' } };
    expect(guestDefaults(sandbox, image({ workingDirectory: '/data' })).workspacePath).toBe('/workspace');
  });

  test('a WORKDIR that can be no directory is none', () => {
    for (const workingDirectory of ['relative', '/with\0nul', `/${'x'.repeat(4_095)}`])
      expect(imageDirectory(image({ workingDirectory }))).toBeUndefined();
    const longest = `/${'x'.repeat(4_094)}`;
    expect(imageDirectory(image({ workingDirectory: longest }))).toBe(longest);
  });
});
