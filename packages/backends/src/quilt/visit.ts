import { readFileSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import { until, type ProcessIdentity } from '@sovereign/core';
import { firstLines, guestPaths, type HelperResult, type LaunchHelper } from '@sovereign/guest';

/** How long one step in the kernel may take: far above its milliseconds, for a host that swaps. */
const timeoutMs = 30_000;

/** Exit codes of `shelld mount` and `shelld unmount` (visit_guest.h). */
const exitCodes = { busy: 16, notThere: 17, link: 18, taken: 19 } as const;

/** What of the host is mounted: a directory or file of ours, or a file that holds an ext4 file system. */
export type VisitSource = { readonly source: string } | { readonly image: string };

/** What became of taking a mount away. */
export type Unmounted = 'done' | 'busy' | 'notThere';

/**
 * Acts on a guest that runs, by `shelld` on the host: it enters namespaces of that one process, does one thing and ends.
 * The guest gets no capability for it, and nothing of the guest is executed.
 */
export class GuestVisitor {
  readonly #helper: LaunchHelper;
  readonly #shelldPath: string;

  constructor(options: { readonly helper: LaunchHelper; readonly shelldPath: string }) {
    this.#helper = options.helper;
    this.#shelldPath = options.shelldPath;
  }

  /**
   * Mounts at an absolute path inside, which is made where it is missing. No link on the way is followed.
   *
   * @throws SovereignError `argument.invalid` where a link or another mount is in the way, `launcher.failed`
   */
  async mount(
    guest: ProcessIdentity,
    what: VisitSource,
    options: { readonly target: string; readonly isReadOnly: boolean },
  ): Promise<void> {
    await ready(guest);
    const argv = ['mount', ...named(guest), ...from(what), '--target', options.target];
    const result = await this.#shelld(options.isReadOnly ? [...argv, '--read-only'] : argv);
    switch (result.exitCode) {
      case 0:
        return;
      case exitCodes.link:
        throw inTheWay(options.target, 'a link is on the way to it');
      case exitCodes.taken:
        throw inTheWay(options.target, 'something is mounted there already');
      default:
        throw visitFailed('mounted', options.target, result);
    }
  }

  /** Takes a mount away that is exactly this. @throws SovereignError `launcher.failed` */
  async unmount(guest: ProcessIdentity, what: VisitSource, target: string): Promise<Unmounted> {
    await ready(guest);
    const result = await this.#shelld(['unmount', ...named(guest), ...from(what), '--target', target]);
    if (result.exitCode === 0) return 'done';
    if (result.exitCode === exitCodes.busy) return 'busy';
    if (result.exitCode === exitCodes.notThere) return 'notThere';
    throw visitFailed('unmounted', target, result);
  }

  /** Sets the lines of the guest's hosts file that are ours. @throws SovereignError `network.failed` */
  async writeHosts(guest: ProcessIdentity, lines: string): Promise<void> {
    await ready(guest);
    const result = await this.#shelld(['write-hosts', ...named(guest), '--lines', lines]);
    if (result.exitCode === 0 || result.exitCode === exitCodes.notThere) return;
    throw new SovereignError({
      reason: 'network.failed',
      message: `Names could not be entered in the hosts file of a sandbox: ${firstLines(result.stderr)}`,
      hint: 'Is /etc/hosts a plain file inside?',
    });
  }

  /** Runs a program of the host in the network of a guest, or in one that was pinned to a file. */
  enter(network: ProcessIdentity | string, argv: readonly string[]): Promise<HelperResult> {
    const where = typeof network === 'string' ? ['--network', network] : named(network);
    return this.#shelld(['enter', ...where, '--', ...argv]);
  }

  /** Makes a network namespace that lives as long as the file is mounted. @throws SovereignError `network.failed` */
  async pinNetwork(file: string): Promise<void> {
    const result = await this.#shelld(['pin-network', file]);
    if (result.exitCode === 0 || result.exitCode === exitCodes.taken) return;
    throw new SovereignError({
      reason: 'network.failed',
      message: `A network namespace could not be made: ${firstLines(result.stderr)}`,
      hint: 'Run as root, on a host whose kernel has network namespaces.',
      context: { path: file },
    });
  }

  #shelld(argv: readonly string[]): Promise<HelperResult> {
    return this.#helper.run([this.#shelldPath, ...argv], { timeoutMs });
  }
}

/**
 * A guest is recorded when its first process is there, which is the launcher's until it has put the root together: until
 * then its mounts are in the making, and what we mount would not be seen.
 */
async function ready(guest: ProcessIdentity): Promise<void> {
  const isUp = (): boolean => commandOf(guest.pid)?.startsWith(`${guestPaths.shelld}\0`) !== false;
  if (await until(isUp, timeoutMs)) return;
  throw new SovereignError({
    reason: 'launcher.failed',
    message: `The guest did not come up within ${timeoutMs / 1000} s.`,
    hint: 'See `sovereign ps --all`.',
  });
}

/** Undefined when it has gone: whatever is asked of it then says so. */
function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return undefined;
  }
}

function named(guest: ProcessIdentity): string[] {
  return ['--pid', String(guest.pid), '--start', String(guest.startTicks)];
}

function from(what: VisitSource): string[] {
  return 'image' in what ? ['--image', what.image] : ['--source', what.source];
}

function inTheWay(target: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `Nothing can be mounted at ${target}: ${why}.`,
    hint: 'Give a path of plain directories inside, or one that does not exist yet.',
    context: { path: target },
  });
}

function visitFailed(what: string, target: string, result: HelperResult): SovereignError {
  return new SovereignError({
    reason: 'launcher.failed',
    message: `A volume could not be ${what} at ${target}: ${firstLines(result.stderr)}`,
    hint: 'Is the sandbox still running, and its file system writable? See `sovereign ps --all`.',
    context: { path: target, exitCode: result.exitCode },
  });
}
