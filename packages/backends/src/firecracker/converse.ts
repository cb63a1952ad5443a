import { connectGuestChannel } from '@sovereign/guest';
import type { Converse } from './firecracker-host.ts';

/** Speaks the guest channel with the shelld that is init of a machine. */
export const converseWithInit: Converse = async (stream, timeoutMs) => {
  const channel = connectGuestChannel(stream, { client: 'sovereign backend', welcomeTimeoutMs: timeoutMs });
  try {
    await channel.welcome;
  } catch (error) {
    await channel.close();
    throw error;
  }
  const { system } = channel;
  return {
    identify: (identity) => system.identify(identity),
    sync: () => system.sync(),
    shutdown: (graceMs) => system.shutdown(graceMs),
    usage: () => system.usage(),
    close: () => channel.close(),
  };
};
