import * as v from 'valibot';
import type { ImageDefaults } from '@sovereign/guest';
import { envOf, type ContainerInspect } from './container-state.ts';
import { labels } from './sandbox-labels.ts';

const recordSchema = v.object({ user: v.string(), workingDirectory: v.string(), hasHome: v.boolean() });

/** What an image says of commands, as a label of the container: whoever attaches knows it when the image has gone. */
export function formatImageDefaults({ user, workingDirectory, env }: ImageDefaults): string {
  return JSON.stringify({ user, workingDirectory, hasHome: env['HOME'] !== undefined });
}

/** The same, as a container has it. One of a version before ours has its environment alone. */
export function imageDefaultsOf({ Config }: ContainerInspect): ImageDefaults {
  const env = envOf(Config.Env);
  const record = readRecord(Config.Labels?.[labels.defaults] ?? '');
  if (record === undefined) return { env, user: '', workingDirectory: '' };
  const { user, workingDirectory, hasHome } = record;
  // Podman gives a container a HOME of its own.
  const { HOME: _own, ...rest } = env;
  return { env: hasHome ? env : rest, user, workingDirectory };
}

function readRecord(text: string): v.InferOutput<typeof recordSchema> | undefined {
  try {
    const parsed = v.safeParse(recordSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
