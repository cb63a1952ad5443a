import { describe, expect, test } from 'vitest';
import type { SandboxSpec } from '@sovereign/core';
import {
  containerRequest,
  limitFields,
  resourceFields,
  type ContainerRequestInit,
} from './container-request.ts';

const spec: SandboxSpec = {
  id: 'sbx_000000000001' as SandboxSpec['id'],
  name: 'a.name',
  image: { kind: 'host' },
  env: { SECRET: 'x' },
  limits: { memoryBytes: 1_000_000 },
  network: 'none',
  isInsecure: false,
  labels: {},
  createdMs: 1,
};

const init: ContainerRequestInit = {
  spec,
  home: '0123456789abcdef',
  imageId: 'sha256:1',
  facts: {
    product: 'Docker',
    version: '20.10',
    apiVersion: '1.41',
    os: 'linux',
    hasUserNamespace: false,
    isRootless: false,
    isSameHost: true,
    storage: 'overlay2',
  },
  transport: 'socket',
  user: { uid: 0, gid: 0 },
  image: { env: {}, user: '', workingDirectory: '' },
  shelldPath: '/shelld',
  pythonPath: undefined,
  placePath: '/place',
  seccomp: ['seccomp={}'],
  binds: [],
  volumes: [],
  isStarted: true,
  isFork: false,
};

describe('containerRequest', () => {
  test('everything that holds a guest back is said on every create', () => {
    for (const one of [init, { ...init, transport: 'relay' as const }]) {
      expect(containerRequest(one)).toMatchObject({
        Env: [],
        HostConfig: {
          NetworkMode: 'none',
          IpcMode: 'private',
          CgroupnsMode: 'private',
          Privileged: false,
          CapDrop: ['ALL'],
          CapAdd: expect.not.arrayContaining(['CAP_SYS_ADMIN', 'CAP_NET_RAW', 'CAP_MKNOD']) as unknown,
          SecurityOpt: ['no-new-privileges', 'seccomp={}'],
          PidsLimit: 2048,
          Memory: 1_000_000,
          MemorySwap: 1_000_000,
          Ulimits: [{ Name: 'nofile', Soft: 16_384, Hard: 16_384 }],
          RestartPolicy: { Name: 'no' },
        },
      });
    }
  });

  test('who is not root is given no capability', () => {
    const { HostConfig } = containerRequest({ ...init, user: { uid: 1000, gid: 1000 } });
    expect(HostConfig).toMatchObject({ CapDrop: ['ALL'], CapAdd: [] });
  });

  test('USER of an image is for its commands; shelld is root, or the owner of the workspace', () => {
    const image = { env: { HOME: '/home' }, user: 'app', workingDirectory: '/srv' };
    const defaults = (user: string): object => ({ user, workingDirectory: '/srv', hasHome: true });
    for (const [uid, user] of [
      [0, 'app'],
      [1000, ''],
    ] as const) {
      const request = containerRequest({ ...init, image, user: { uid, gid: uid } });
      expect(request).toMatchObject({ User: `${uid}:${uid}` });
      const { 'sovereign.defaults': label } = request['Labels'] as Readonly<Record<string, string>>;
      expect(JSON.parse(label ?? '')).toEqual(defaults(user));
      expect(request['Cmd']).toEqual(expect.arrayContaining(['--make-directory', '/srv']));
    }
    expect(containerRequest(init)).not.toHaveProperty('User');
  });

  test('no socket of the host is bound, and what is ours is read-only; elsewhere nothing is bound', () => {
    const text = JSON.stringify(containerRequest(init));
    expect(text).not.toMatch(/docker\.sock|podman\.sock/);
    expect(containerRequest(init)).toMatchObject({
      HostConfig: {
        Mounts: [
          { Source: '/place', Target: '/run/sovereign/io', ReadOnly: false },
          { Source: '/shelld', Target: '/run/sovereign/shelld', ReadOnly: true },
        ],
      },
    });
    expect(containerRequest({ ...init, transport: 'relay' })).toMatchObject({ HostConfig: { Mounts: [] } });
  });

  test('without a profile that the engine takes shelld applies its own', () => {
    const { Cmd } = containerRequest({ ...init, seccomp: [] });
    expect(Cmd).toContain('--seccomp');
    expect(containerRequest(init)['Cmd']).not.toContain('--seccomp');
  });

  test('layers are compared with the host, or judged from inside where it is another one', () => {
    expect(containerRequest(init)['Cmd']).toContain('--host-root');
    const elsewhere = containerRequest({ ...init, transport: 'relay' })['Cmd'];
    expect(elsewhere).not.toContain('--host-root');
    expect(elsewhere).toEqual(expect.arrayContaining(['--expect-own', 'mnt', 'net']));
    const granted = containerRequest({ ...init, transport: 'relay', spec: { ...spec, network: 'host' } })[
      'Cmd'
    ];
    expect(granted).not.toContain('net');
  });

  test('limits in both dialects', () => {
    const limits = { memoryBytes: 5, pids: 6, cpus: 0.5 };
    expect(limitFields(limits)).toEqual({
      Memory: 5,
      MemorySwap: 5,
      PidsLimit: 6,
      CpuPeriod: 100_000,
      CpuQuota: 50_000,
    });
    expect(resourceFields(limits)).toEqual({
      memory: { limit: 5, swap: 5 },
      pids: { limit: 6 },
      cpu: { period: 100_000, quota: 50_000 },
    });
    expect(limitFields({})).toEqual({});
  });
});
