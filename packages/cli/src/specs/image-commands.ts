import type { ArgumentSpec, CommandSpec, OptionSpec } from '../syntax/command-spec.ts';
import { commonOptions, quiet } from '../syntax/common-options.ts';

const image: ArgumentSpec = {
  name: 'IMAGE',
  about: 'name of an image, such as alpine:3',
  completes: 'image',
};
const images: ArgumentSpec = { ...image, about: 'names of images', isRepeatable: true };

export const engineOption: OptionSpec = {
  name: 'engine',
  value: 'ENGINE',
  default: 'the one that a sandbox with an image would run on',
  choices: ['auto', 'container', 'quilt', 'docker'],
  about: 'Container engine',
};

const config: readonly OptionSpec[] = [
  {
    name: 'env',
    short: 'e',
    value: 'NAME=VALUE',
    isRepeatable: true,
    about: 'Environment variable of its containers',
  },
  { name: 'entrypoint', value: 'WORD', isRepeatable: true, about: 'Word of its entry point' },
  { name: 'cmd', value: 'WORD', isRepeatable: true, about: 'Word of its command' },
  { name: 'workdir', value: 'PATH', about: 'Working directory of its containers' },
];
export { config as imageConfigOptions };

export const imageCommands: readonly CommandSpec[] = [
  {
    name: 'images pull',
    about: 'Fetch an image from its registry',
    description:
      'What arrives is verified against its digests; a pull that was broken off goes on where it was.',
    arguments: [images],
    options: [
      { name: 'platform', value: 'OS/ARCH', default: 'that of this host', about: 'Of which platform' },
      engineOption,
      quiet,
      ...commonOptions,
    ],
    examples: ['sovereign images pull alpine:3', 'sovereign images pull registry.example/team/app@sha256:…'],
    load: () => import('../commands/images/pull.ts'),
  },
  {
    name: 'images build',
    about: 'Build an image from a Dockerfile',
    description: 'A build that fails shows the step and its log, and leaves nothing.',
    arguments: [
      { name: 'CONTEXT', about: 'directory that the Dockerfile copies from', completes: 'directory' },
    ],
    options: [
      { name: 'tag', short: 't', value: 'IMAGE', about: 'Name of the image' },
      {
        name: 'file',
        short: 'f',
        value: 'FILE',
        default: 'Dockerfile',
        completes: 'file',
        about: 'Dockerfile, relative to the context',
      },
      {
        name: 'build-arg',
        value: 'NAME=VALUE',
        isRepeatable: true,
        about: 'Argument of the build; a name alone copies ours',
      },
      { name: 'target', value: 'STAGE', default: 'the last', about: 'Stage to stop at' },
      engineOption,
      quiet,
      ...commonOptions,
    ],
    examples: ['sovereign images build -t app:1 .'],
    load: () => import('../commands/images/build.ts'),
  },
  {
    name: 'images ls',
    about: 'List images',
    arguments: [],
    options: [
      { name: 'quiet', short: 'q', about: 'Names only' },
      { name: 'digests', about: 'With their digests' },
      engineOption,
      ...commonOptions,
    ],
    examples: ['sovereign images ls', 'sovereign images ls --json'],
    load: () => import('../commands/images/ls.ts'),
  },
  {
    name: 'images inspect',
    about: 'Show everything there is to know of an image',
    arguments: [image],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign images inspect alpine:3'],
    load: () => import('../commands/images/inspect.ts'),
  },
  {
    name: 'images rm',
    about: 'Take names of images away, and an image with its last name',
    arguments: [images],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign images rm app:1'],
    load: () => import('../commands/images/rm.ts'),
  },
  {
    name: 'images tag',
    about: 'Give an image one more name',
    arguments: [image, { name: 'NAME', about: 'the new name' }],
    options: [engineOption, ...commonOptions],
    examples: ['sovereign images tag app:1 registry.example/team/app:1'],
    load: () => import('../commands/images/tag.ts'),
  },
  {
    name: 'images load',
    about: 'Read images from a docker or OCI archive',
    arguments: [{ name: 'FILE', about: 'a tar archive, or - for stdin', completes: 'file' }],
    options: [engineOption, quiet, ...commonOptions],
    examples: ['sovereign images load app.tar', 'docker save app:1 | sovereign images load -'],
    load: () => import('../commands/images/load.ts'),
  },
  {
    name: 'images save',
    about: 'Write images to an archive that Docker reads too',
    arguments: [images],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'FILE',
        default: 'stdout, unless that is a terminal',
        completes: 'file',
        about: 'Where to',
      },
      engineOption,
      quiet,
      ...commonOptions,
    ],
    examples: ['sovereign images save -o app.tar app:1'],
    load: () => import('../commands/images/save.ts'),
  },
  {
    name: 'images import',
    about: 'Make an image of a root file system',
    arguments: [
      { name: 'FILE', about: 'a tar archive of it, or - for stdin', completes: 'file' },
      { name: 'NAME', about: 'name of the image' },
    ],
    options: [...config, engineOption, quiet, ...commonOptions],
    examples: [
      'sovereign images import rootfs.tar.gz base:1',
      'docker export box | sovereign images import - box:1',
    ],
    load: () => import('../commands/images/import.ts'),
  },
  {
    name: 'images prune',
    about: 'Remove images that no sandbox is made of',
    description: 'Shows what would go, unless --force is given.',
    arguments: [],
    options: [{ name: 'force', short: 'f', about: 'Do it' }, engineOption, ...commonOptions],
    examples: ['sovereign images prune', 'sovereign images prune --force'],
    load: () => import('../commands/images/prune.ts'),
  },
];
