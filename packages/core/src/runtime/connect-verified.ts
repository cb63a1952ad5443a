import { SovereignError, type TierReport } from '@sovereign/protocol';
import type { Backend, Guest } from '../contract/backend.ts';
import type { ByteStream } from '../contract/byte-stream.ts';
import type { GuestChannel, GuestWelcome } from '../contract/guest-channel.ts';
import { missingLayers, requiredLayers } from '../selection/required-layers.ts';
import { cancelled, toSovereignError } from './to-sovereign-error.ts';

/** Speaks the guest channel over a stream. Given from outside, since core knows the contract of a channel only. */
export type OpenChannel = (stream: ByteStream) => GuestChannel;

export interface ConnectInit {
  readonly guest: Guest;
  readonly backend: Pick<Backend, 'name' | 'tier' | 'capabilities'>;
  readonly openChannel: OpenChannel;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface VerifiedChannel {
  readonly channel: GuestChannel;
  readonly welcome: GuestWelcome;
  readonly report: TierReport;
}

/**
 * Connects to a guest, checks its health by a round trip through it (R-TIER-9), and that every layer its tier needs was
 * found active from inside.
 * @throws SovereignError `tier.unhealthy`, `tier.weakened`, `operation.cancelled`
 */
export async function connectVerified(init: ConnectInit): Promise<VerifiedChannel> {
  const { channel, welcome } = await connect(init);
  const { guest, backend } = init;
  const missing = missingLayers(requiredLayers(backend, guest.spec), welcome.layers);
  if (missing.length > 0) {
    await channel.close();
    throw new SovereignError({
      reason: 'tier.weakened',
      message: `Sandbox ${guest.id} on ${backend.name}: not held back are ${missing.join('; ')}.`,
      hint: 'Take a stronger tier, or accept what the host offers with --insecure.',
      context: { sandbox: guest.id, backend: backend.name },
    });
  }
  const isHeld =
    missingLayers(requiredLayers(backend, { ...guest.spec, isInsecure: false }), welcome.layers).length === 0;
  const isIsolated = backend.capabilities.isIsolated && isHeld;
  const layers = [...welcome.layers, ...(guest.outerLayers ?? [])];
  return {
    channel,
    welcome,
    report: { type: backend.name, tier: backend.tier, isIsolated, layers },
  };
}

async function connect(init: ConnectInit): Promise<Pick<VerifiedChannel, 'channel' | 'welcome'>> {
  const { guest, timeoutMs, signal } = init;
  let channel: GuestChannel | undefined;
  let isAbandoned = false;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const attempt = async () => {
    const stream = await guest.connect(signal);
    // The deadline has passed while the backend was connecting: nobody else would close this stream.
    if (isAbandoned) return stream.close().then(() => undefined);
    channel = init.openChannel(stream);
    const [welcome] = await Promise.all([channel.welcome, channel.ping()]);
    return { channel, welcome };
  };
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    onAbort = () => reject(cancelled(signal?.reason));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const connected = await Promise.race([attempt(), limit]);
    if (connected === undefined) throw new Error('abandoned');
    return connected;
  } catch (error) {
    isAbandoned = true;
    await channel?.close();
    throw unhealthy(init, error);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

function unhealthy({ guest, backend }: ConnectInit, error: unknown): SovereignError {
  const cause = toSovereignError(error);
  // That a sandbox is stopped or gone says nothing of its health.
  if (cause.reason === 'operation.cancelled' || cause.reason.startsWith('sandbox.')) return cause;
  const detail = cause.reason === 'internal' && error instanceof Error ? error.message : cause.message;
  return new SovereignError({
    reason: 'tier.unhealthy',
    message: `Sandbox ${guest.id} on ${backend.name} did not pass its health check: ${detail}`,
    hint: cause.reason === 'internal' ? 'Try again; when it stays so, run doctor for this tier.' : cause.hint,
    context: { sandbox: guest.id, backend: backend.name },
    cause: error,
  });
}
