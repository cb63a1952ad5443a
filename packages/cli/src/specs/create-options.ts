import { type OptionSpec } from '../syntax/command-spec.ts';
import { lifetimeOptions } from './lifetime-options.ts';

/** What a new sandbox is to be: options that `run`, `create` and `shell` share. */
export const createOptions: readonly OptionSpec[] = [
  {
    name: 'tier',
    value: 'TIER',
    default: 'auto, the strongest that works here',
    choices: [
      'auto',
      'microvm',
      'container',
      'process',
      'quilt',
      'docker',
      'qemu',
      'firecracker',
      'docker-sandbox',
      'appcontainer',
    ],
    about: 'What isolates it: a tier, or a backend by name; one asked for by name never falls back',
  },
  {
    name: 'insecure',
    about:
      'Process tier whose missing layers of isolation are named and not insisted on; takes shell and browser away',
  },
  {
    name: 'workspace',
    short: 'w',
    value: 'DIR',
    default: 'the current directory',
    completes: 'directory',
    about: 'Host directory that it works in',
  },
  { name: 'no-workspace', about: 'Give it no directory of the host' },
  { name: 'read-only', about: 'The workspace may be read and not written' },
  {
    name: 'review',
    about:
      'What is written stays beside the workspace until `sovereign apply`; `sovereign diff --workspace` shows it',
  },
  {
    name: 'grant',
    value: 'PATH',
    isRepeatable: true,
    default: 'none',
    about:
      'Path in the workspace that runs later on the host, and that it may change all the same (.git/hooks, .vscode …)',
  },
  {
    name: 'image',
    value: 'IMAGE',
    default: 'host',
    completes: 'image',
    about: 'Root file system: host, the name of an image, a directory, or a tar archive (.tar, .tar.gz)',
  },
  {
    name: 'pull',
    value: 'WHEN',
    default: 'missing',
    choices: ['missing', 'always', 'never'],
    about: 'When an image is fetched by its name',
  },
  {
    name: 'volume',
    short: 'v',
    value: 'NAME:PATH[:ro]',
    isRepeatable: true,
    default: 'none',
    about: 'Named volume to mount',
  },
  { name: 'memory', short: 'm', value: 'SIZE', default: 'no limit', about: 'Most memory, such as 512m' },
  { name: 'pids', value: 'COUNT', default: '2048 on quilt', about: 'Most processes and threads' },
  { name: 'cpus', value: 'NUMBER', default: 'no limit', about: "Most CPUs' worth of time, such as 0.5" },
  {
    name: 'network',
    value: 'NETWORK',
    default: 'none',
    choices: ['none', 'host'],
    about: "none: loopback only; host: the host's network, whole",
  },
  {
    name: 'allow-host',
    value: 'RULE',
    isRepeatable: true,
    default: 'none',
    about: 'What it may connect to, through a proxy: example.com, *.example.com:443, 10.0.0.0/8:5432',
  },
  {
    name: 'publish',
    short: 'p',
    value: '[[ADDRESS:]HOSTPORT:]PORT',
    isRepeatable: true,
    default: 'none',
    about: 'Port of it to be reached on this host, on loopback unless an address is given',
  },
  { name: 'label', short: 'l', value: 'NAME=VALUE', isRepeatable: true, about: 'Label to find it by' },
  { name: 'name', value: 'NAME', default: 'none', about: 'Name to call it by' },
  ...lifetimeOptions,
];

export const verbose: OptionSpec = {
  name: 'verbose',
  about: 'Say why this tier was taken, and which layers were verified active',
};
