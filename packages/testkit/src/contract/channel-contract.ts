import { describe } from 'vitest';
import { ChannelSuite, type ChannelContractOptions } from './channel/channel-subject.ts';
import { execContract } from './channel/exec-contract.ts';
import { filesContract } from './channel/files-contract.ts';
import { loadContract } from './channel/load-contract.ts';
import { outputContract } from './channel/output-contract.ts';
import { ptyContract } from './channel/pty-contract.ts';
import { reattachContract } from './channel/reattach-contract.ts';
import { sessionContract } from './channel/session-contract.ts';
import { tunnelContract } from './channel/tunnel-contract.ts';
import { timeoutContract } from './channel/timeout-contract.ts';

/**
 * Every promise of `GuestChannel`, against one guest. Call it at the top of a test file; `create` brings a guest up,
 * once for the suite and once more for each test that needs a fresh one.
 */
export function channelContract(options: ChannelContractOptions): void {
  describe(`channel contract: ${options.name}`, () => {
    const suite = new ChannelSuite(options);
    describe('exec', () => execContract(suite));
    describe('output', () => outputContract(suite));
    describe('terminal', () => ptyContract(suite));
    describe('timeouts and completion', () => timeoutContract(suite));
    describe('reattaching', () => reattachContract(suite));
    describe('sessions', () => sessionContract(suite));
    describe('files', () => filesContract(suite));
    describe('tunnels', () => tunnelContract(suite));
    describe('load', () => loadContract(suite));
  });
}
