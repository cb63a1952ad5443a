import { SovereignError } from '@sovereign/protocol';
import type { CreateOptions, Sandbox } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { detachBroker } from '../network/detach-broker.ts';
import { UsageError } from '../errors/usage-error.ts';
import { PullProgress } from '../live/pull-progress.ts';
import type { Interruption } from '../process/interruption.ts';
import { announce } from './announce.ts';
import { createOptions } from './create-options.ts';

/**
 * Creates the sandbox that the options ask for and says where it runs. `mustStay`: it is to outlive this process, which one of
 * the process tier cannot.
 */
export async function newSandbox(
  context: CommandContext,
  interruption: Interruption,
  mustStay: boolean,
  overrides: Pick<CreateOptions, 'strategy' | 'autoStart'> = {},
): Promise<Sandbox> {
  const create: CreateOptions = {
    ...overrides,
    ...createOptions(context),
    onPull: new PullProgress(context).take,
  };
  if (mustStay && (create.tier === 'process' || create.isInsecure === true)) {
    throw new UsageError(
      'A sandbox of the process tier ends with the command that made it.',
      'Leave --detach and --keep out, or take another tier.',
    );
  }
  const client = await context.client();
  const { signal } = interruption;
  const { egress: _egress, ports: _ports, ...rest } = create;
  // What is brokered ends with its process: for a sandbox that stays it is a process of its own.
  const asked = mustStay ? rest : create;
  const creating = client.create({ ...asked, signal }).catch((error: unknown) => {
    throw workspaceHint(error, context);
  });
  const sandbox = await context.progress.during('Creating a sandbox', creating);
  if (mustStay && sandbox.runtime.tier === 'process') {
    await sandbox.remove();
    throw new SovereignError({
      reason: 'capability.missing',
      message:
        'Only the process tier works on this host, and its sandboxes end with the command that made them.',
      hint: 'See `sovereign doctor` for what a container needs here.',
    });
  }
  if (mustStay) await detachNetwork(sandbox, create);
  await announce(sandbox, context);
  return sandbox;
}

/** When a part of it cannot be had, nothing is left of the sandbox. */
async function detachNetwork(
  sandbox: Sandbox,
  { egress, ports = [] }: Pick<CreateOptions, 'egress' | 'ports'>,
): Promise<void> {
  const { id } = sandbox;
  try {
    if (egress !== undefined) await detachBroker({ kind: 'egress', sandbox: id, rules: egress });
    for (const { port, hostPort = 0, hostAddress = '127.0.0.1' } of ports)
      await detachBroker({ kind: 'port', sandbox: id, port, hostPort, hostAddress });
  } catch (error) {
    await sandbox.remove();
    throw error;
  }
}

/** The current directory is the workspace unless something else is said: so say what to say. */
function workspaceHint(error: unknown, { options }: Pick<CommandContext, 'options'>): unknown {
  if (!(error instanceof SovereignError) || error.reason !== 'workspace.refused') return error;
  const { reason, message, context } = error;
  // It knows why already: on an engine elsewhere no other directory would do.
  if (error.hint.includes('--no-workspace')) return error;
  const hint = options.has('workspace')
    ? `Name another directory, or go without one: --no-workspace`
    : 'It is the current directory; name another with --workspace DIR, or go without one: --no-workspace';
  return new SovereignError({ reason, message, hint, context, cause: error });
}
