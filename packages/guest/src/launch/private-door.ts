import { guestPaths } from './guest-mounts.ts';

/** Where shelld listens in a guest that shares no directory with us: nobody but the guest sees it. */
export const innerSocketPath = '/run/sovereign/door/shelld.sock';

/** What a program that reaches into such a guest runs there for each connection: its stdin and stdout are the channel. */
export const relayCommand: readonly string[] = [guestPaths.shelld, 'relay', innerSocketPath];
