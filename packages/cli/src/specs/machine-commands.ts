import type { ArgumentSpec, CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions, quiet } from '../syntax/common-options.ts';
import { verbose } from './create-options.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const snapshot: ArgumentSpec = { name: 'SNAPSHOT', about: 'id or name of a snapshot' };

/** Snapshots of microVMs, what is resumed from them, and what they boot from. */
export const machineCommands: readonly CommandSpec[] = [
  {
    name: 'snapshot take',
    about: 'Take a snapshot of a running microVM, memory and processes included',
    description:
      'The sandbox runs on. It has to have an image of its own: --image with a name, a directory or an archive.',
    arguments: [sandbox],
    options: [
      { name: 'name', value: 'NAME', default: 'none', about: 'Name to call it by' },
      ...commonOptions,
    ],
    examples: ['sovereign snapshot take dev --name ready'],
    load: () => import('../commands/snapshot-take.ts'),
  },
  {
    name: 'snapshot ls',
    about: 'List snapshots',
    arguments: [],
    options: [{ name: 'quiet', short: 'q', about: 'Ids only' }, ...commonOptions],
    examples: ['sovereign snapshot ls'],
    load: () => import('../commands/snapshot-ls.ts'),
  },
  {
    name: 'snapshot rm',
    about: 'Remove snapshots; what was resumed from them lives on',
    arguments: [{ ...snapshot, about: 'ids or names of snapshots', isRepeatable: true }],
    options: commonOptions,
    examples: ['sovereign snapshot rm ready'],
    load: () => import('../commands/snapshot-rm.ts'),
  },
  {
    name: 'resume',
    about: 'Bring up a sandbox from a snapshot',
    arguments: [snapshot],
    options: [
      { name: 'name', value: 'NAME', default: 'none', about: 'Name to call it by' },
      {
        name: 'workspace',
        short: 'w',
        value: 'DIR',
        default: 'none',
        completes: 'directory',
        about: 'Host directory that it works in',
      },
      verbose,
      quiet,
      ...commonOptions,
    ],
    examples: ['sovereign resume ready --name second'],
    load: () => import('../commands/resume.ts'),
  },
  {
    name: 'microvm build',
    about: 'Build what microVMs boot from: the kernel once, and the root of an image',
    description:
      'The kernel is built from the source package of the distribution (linux-source-*), in about three minutes.\nIt is kept, and found again while its configuration stays the same.\nThe root of an image is packed when a machine first boots it; building it ahead saves that one the time.\nAn image with Python and the action library is made from a checkout, and called survival from then on:\n  npx tsx --conditions=@sovereign/source scripts/build-sandbox-image.ts --survival',
    arguments: [],
    options: [
      {
        name: 'image',
        value: 'IMAGE',
        default: 'host',
        completes: 'image',
        about: 'Root file system: host, the name of an image, a directory, or a tar archive (.tar, .tar.gz)',
      },
      ...commonOptions,
    ],
    examples: ['sovereign microvm build', 'sovereign microvm build --image survival'],
    load: () => import('../commands/microvm-build.ts'),
  },
];
