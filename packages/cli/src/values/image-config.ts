import type { ImageConfig } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { parseEnv } from './parse-pairs.ts';

/** What --env, --entrypoint, --cmd and --workdir say of an image. @throws UsageError */
export function imageConfig({ options, env }: Pick<CommandContext, 'options' | 'env'>): Partial<ImageConfig> {
  const workingDirectory = options.text('workdir');
  return {
    ...(options.has('env') && { env: parseEnv(options.texts('env'), env) }),
    ...(options.has('entrypoint') && { entrypoint: options.texts('entrypoint') }),
    ...(options.has('cmd') && { command: options.texts('cmd') }),
    ...(workingDirectory !== undefined && { workingDirectory }),
  };
}
