import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CreateOptions, RequestedTier } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { lifetimeOptions } from './lifetime-options.ts';
import { parseVolume } from '../values/parse-volume.ts';
import { parseCount, parseNumber } from '../values/parse-number.ts';
import { parseEnv, parseLabels } from '../values/parse-pairs.ts';
import { parsePublish } from '../values/parse-publish.ts';
import { parseSize } from '../values/parse-size.ts';

/** What the new sandbox of `run`, `create` or `shell` is to be. @throws UsageError */
export function createOptions({ options, env }: Pick<CommandContext, 'options' | 'env'>): CreateOptions {
  const name = options.text('name');
  const workspace = workspaceOptions(options);
  const network = options.text('network');
  const memoryBytes = options.read('memory', parseSize);
  const pids = options.read('pids', parseCount);
  const user = options.text('user');
  const cpus = options.read('cpus', parseNumber);
  return {
    // The parser has checked it against the choices.
    tier: (options.text('tier') ?? 'auto') as RequestedTier,
    image: imageOf(options.text('image')),
    // A person who names an image wants it; the parser has checked the choices.
    pull: (options.text('pull') ?? 'missing') as NonNullable<CreateOptions['pull']>,
    ...(options.has('volume') && { volumes: options.texts('volume').map(parseVolume) }),
    ...lifetimeOptions(options),
    ...(name !== undefined && { name }),
    ...(user !== undefined && { user }),
    ...(workspace !== undefined && { workspace }),
    ...(network !== undefined && { network: network === 'host' ? 'host' : 'none' }),
    ...(options.has('allow-host') && { egress: options.texts('allow-host') }),
    ports: options.texts('publish').map((text) => parsePublish(text, '--publish')),
    ...(options.has('insecure') && { isInsecure: true }),
    env: parseEnv(options.texts('env'), env),
    labels: parseLabels(options.texts('label')),
    limits: {
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(pids !== undefined && { pids }),
      ...(cpus !== undefined && { cpus }),
    },
  };
}

function workspaceOptions(options: CommandContext['options']): CreateOptions['workspace'] {
  const path = options.text('workspace');
  if (!options.has('no-workspace')) {
    return {
      path: resolve(path ?? '.'),
      ...(options.has('read-only') && { isReadOnly: true }),
      ...(options.has('review') && { isReviewed: true }),
      ...(options.has('grant') && { granted: options.texts('grant') }),
    };
  }
  const other = ['workspace', 'read-only', 'review', 'grant'].find((name) => options.has(name));
  if (other === undefined) return undefined;
  throw new UsageError(`--${other} does not go with --no-workspace.`, 'Leave one of them out.');
}

/** What has the form of a path is one, and so is what is there; anything else is the name of an image. */
export function imageOf(text: string | undefined): NonNullable<CreateOptions['image']> {
  if (text === undefined || text === 'host') return 'host';
  const path = resolve(text);
  if (existsSync(path)) return { kind: statSync(path).isDirectory() ? 'rootfs' : 'tar', path };
  if (!/^(\.{0,2}\/|~)|\.tar(\.gz)?$|\.tgz$/.test(text)) return { kind: 'reference', reference: text };
  throw new UsageError(
    `--image: ${text} is not there (expected host, the name of an image, a directory or a tar archive).`,
    'Name a file that is there, or an image such as alpine:3.',
  );
}
