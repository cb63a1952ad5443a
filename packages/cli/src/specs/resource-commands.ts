import type { ArgumentSpec, CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';
import { engineOption } from './image-commands.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const volume: ArgumentSpec = { name: 'VOLUME', about: 'name of a volume', completes: 'volume' };
const network: ArgumentSpec = { name: 'NETWORK', about: 'name of a network', completes: 'network' };
const label = {
  name: 'label',
  short: 'l',
  value: 'NAME=VALUE',
  isRepeatable: true,
  about: 'Label to find it by',
} as const;

export const resourceCommands: readonly CommandSpec[] = [
  {
    name: 'volume create',
    about: 'Create a named volume',
    arguments: [{ ...volume, completes: undefined }],
    options: [
      { name: 'size', value: 'SIZE', default: 'no quota', about: 'Most it may hold, such as 512m' },
      label,
      engineOption,
      ...commonOptions,
    ],
    examples: ['sovereign volume create data', 'sovereign volume create cache --size 2g'],
    load: () => import('../commands/volume/create.ts'),
  },
  {
    name: 'volume ls',
    about: 'List volumes',
    arguments: [],
    options: [{ name: 'quiet', short: 'q', about: 'Names only' }, engineOption, ...commonOptions],
    examples: ['sovereign volume ls'],
    load: () => import('../commands/volume/ls.ts'),
  },
  {
    name: 'volume inspect',
    about: 'Show everything there is to know of a volume',
    arguments: [volume],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign volume inspect data'],
    load: () => import('../commands/volume/inspect.ts'),
  },
  {
    name: 'volume rm',
    about: 'Remove volumes and what is in them',
    arguments: [{ ...volume, about: 'names of volumes', isRepeatable: true }],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign volume rm data'],
    load: () => import('../commands/volume/rm.ts'),
  },
  {
    name: 'volume attach',
    about: 'Mount a volume in a sandbox',
    arguments: [sandbox, volume, { name: 'PATH', about: 'absolute path inside' }],
    options: [{ name: 'read-only', about: 'It may be read and not written' }, ...commonOptions],
    examples: ['sovereign volume attach db data /var/lib/data'],
    load: () => import('../commands/volume/attach.ts'),
  },
  {
    name: 'volume detach',
    about: 'Take a volume out of a sandbox; what is in it stays',
    arguments: [sandbox, { name: 'PATH', about: 'where it is mounted inside' }],
    options: commonOptions,
    examples: ['sovereign volume detach db /var/lib/data'],
    load: () => import('../commands/volume/detach.ts'),
  },
  {
    name: 'network create',
    about: 'Create a bridge network',
    arguments: [{ ...network, completes: undefined }],
    options: [
      { name: 'subnet', value: 'CIDR', default: 'one that is free', about: 'Its addresses' },
      engineOption,
      ...commonOptions,
    ],
    examples: ['sovereign network create backend', 'sovereign network create lab --subnet 10.89.7.0/24'],
    load: () => import('../commands/network/create.ts'),
  },
  {
    name: 'network ls',
    about: 'List bridge networks',
    arguments: [],
    options: [{ name: 'quiet', short: 'q', about: 'Names only' }, engineOption, ...commonOptions],
    examples: ['sovereign network ls'],
    load: () => import('../commands/network/ls.ts'),
  },
  {
    name: 'network inspect',
    about: 'Show a bridge network and who is on it',
    arguments: [network],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign network inspect backend'],
    load: () => import('../commands/network/inspect.ts'),
  },
  {
    name: 'network rm',
    about: 'Remove bridge networks that nobody is on',
    arguments: [{ ...network, about: 'names of networks', isRepeatable: true }],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign network rm backend'],
    load: () => import('../commands/network/rm.ts'),
  },
  {
    name: 'network connect',
    about: 'Put a sandbox on a bridge network, under its name',
    arguments: [network, sandbox],
    options: [
      { name: 'alias', value: 'NAME', isRepeatable: true, about: 'One more name of it on this network' },
      ...commonOptions,
    ],
    examples: ['sovereign network connect backend db --alias database'],
    load: () => import('../commands/network/connect.ts'),
  },
  {
    name: 'network disconnect',
    about: 'Take a sandbox off a bridge network',
    arguments: [network, sandbox],
    options: commonOptions,
    examples: ['sovereign network disconnect backend db'],
    load: () => import('../commands/network/disconnect.ts'),
  },
];
