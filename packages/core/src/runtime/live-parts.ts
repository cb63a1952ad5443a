import type { TierReport } from '@sovereign/protocol';
import type { Backend, Guest } from '../contract/backend.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import type { ActionPath } from './action-path.ts';
import { ChannelHolder } from './channel-holder.ts';
import { connectVerified, type OpenChannel } from './connect-verified.ts';
import { Environment } from './environment.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { toSovereignError } from './to-sovereign-error.ts';

export interface LiveParts {
  readonly guest: Guest;
  readonly backend: Backend;
  readonly actions: ActionPath;
  readonly openChannel: OpenChannel;
  readonly healthTimeoutMs: number;
}

/** Puts a sandbox together: whenever its channel is opened anew, its health and layers are checked and its report renewed. */
export function createLiveSandbox(
  parts: LiveParts,
  report: TierReport,
): { readonly live: LiveSandbox; readonly connect: (signal?: AbortSignal) => Promise<GuestChannel> } {
  const { guest, backend } = parts;
  const connect = async (signal?: AbortSignal): Promise<GuestChannel> => {
    const verified = await connectVerified({
      ...parts,
      timeoutMs: parts.healthTimeoutMs,
      ...(signal && { signal }),
    });
    live.report = verified.report;
    return verified.channel;
  };
  const live: LiveSandbox = {
    id: guest.id,
    backend: backend.name,
    guest,
    capabilities: backend.capabilities,
    actions: parts.actions,
    channels: new ChannelHolder(() => connect()),
    workspacePath: guest.workspacePath,
    user: guest.spec.user ?? guest.user,
    env: Environment.of(guest.baseEnv, guest.spec.env),
    exists: () =>
      backend.attach(guest.id).then(
        () => true,
        (error: unknown) => toSovereignError(error).reason !== 'sandbox.not-found',
      ),
    sessions: new Map(),
    report,
  };
  return { live, connect };
}
