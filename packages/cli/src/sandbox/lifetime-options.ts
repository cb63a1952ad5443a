import type { CreateOptions, Strategy } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { parseDuration } from '../values/parse-duration.ts';

/** How long a new sandbox is meant to live. @throws UsageError */
export function lifetimeOptions(
  options: CommandContext['options'],
): Pick<CreateOptions, 'strategy' | 'scope' | 'lifetime'> {
  const scope = options.text('scope');
  const idleMs = options.read('idle', parseDuration);
  const maxMs = options.read('max-age', parseDuration);
  const onExpiry = options.text('on-expiry');
  const lifetime = {
    ...(idleMs !== undefined && { idleMs }),
    ...(maxMs !== undefined && { maxMs }),
    ...(onExpiry !== undefined && {
      onExpiry: onExpiry === 'remove' ? ('remove' as const) : ('stop' as const),
    }),
  };
  return {
    // The parser has checked it against the choices.
    ...(options.has('strategy') && { strategy: options.text('strategy') as Strategy }),
    ...(scope !== undefined && { scope }),
    ...(Object.keys(lifetime).length > 0 && { lifetime }),
  };
}
