import type { EngineOption, RequestedTier } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';

/** The engine that --engine names; the parser has checked it against the choices. */
export function engineValue({ options }: Pick<CommandContext, 'options'>): EngineOption {
  const engine = options.text('engine');
  return engine === undefined ? {} : { engine: engine as RequestedTier };
}
