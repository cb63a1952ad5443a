import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { ApplyOptions, SandboxId, SandboxSpec, WorkspaceChange, WorkspaceReview } from '@sovereign/core';
import { firstLines, stagedPath } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import { withFileLock } from '../file-lock.ts';
import { parseChangeLines } from '../layers/change-lines.ts';
import { scratchOutput, shelldInside } from '../layers/scratch-output.ts';
import { whileStill } from '../layers/while-still.ts';
import { withScratchGuest, type ScratchOptions } from '../scratch-guest.ts';
import { shieldOf } from './shield-of.ts';

const changed = '/run/sovereign/changed';
const workspace = '/run/sovereign/workspace';

/** Most that is applied at once: what is listed is held in memory. */
const maxChanges = 200_000;

/** Exit codes of `shelld apply` (apply.c). */
const exitCodes = { changed: 20, refused: 21 } as const;

/**
 * Reviews of workspaces that are the lower layer of an overlay.
 *
 * SAFETY: both layers are read and written only inside a scratch guest that holds nothing else, by shelld, which follows
 * no link. What is applied is what the review showed, by the kernel's own times of change. Held by tests/quilt/review.test.ts.
 */
export class QuiltReview implements WorkspaceReview {
  readonly #host: EngineHost;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  async *changes(sandbox: SandboxId): AsyncIterable<WorkspaceChange> {
    const { spec } = this.#host.guest(sandbox);
    const { granted = [] } = reviewed(spec);
    const output = scratchOutput(this.#scratch(spec, 'readOnly'), {
      command: shelldInside,
      args: ['changes', '--content-only', changed, workspace],
      what: 'read',
    });
    for await (const change of parseChangeLines(output)) {
      const relative = { ...change, path: change.path.slice(1) };
      yield { ...relative, shield: shieldOf(relative, granted) };
    }
  }

  async apply(sandbox: SandboxId, options: ApplyOptions): Promise<readonly WorkspaceChange[]> {
    const { spec } = this.#host.guest(sandbox);
    reviewed(spec);
    const lock = join(this.#host.state.directory(sandbox), 'review.lock');
    const work = (): Promise<readonly WorkspaceChange[]> =>
      withFileLock(lock, () => this.#apply(spec, options));
    // Without a freezer what changes meanwhile is refused by its stamp.
    const canPause = this.#host.cgroups.controllers.includes('freezer');
    return canPause ? whileStill(this.#host, sandbox, work) : work();
  }

  async #apply(spec: SandboxSpec, options: ApplyOptions): Promise<readonly WorkspaceChange[]> {
    const granted = [...(spec.workspace?.granted ?? []), ...(options.granted ?? [])];
    const chosen: WorkspaceChange[] = [];
    for await (const change of this.changes(spec.id)) {
      if (!options.paths.some((path) => isBelow(change.path, path))) continue;
      const shield = shieldOf(change, granted);
      if (shield !== null) throw shielded(change.path, shield);
      const stamp = options.stamps?.[change.path] ?? change.stamp;
      if (options.stamps !== undefined && !Object.hasOwn(options.stamps, change.path))
        throw notReviewed(change.path, 0);
      chosen.push({ ...change, stamp });
      if (chosen.length > maxChanges) throw tooMany();
    }
    if (chosen.length > 0) await this.#put(spec, chosen);
    return chosen;
  }

  async #put(spec: SandboxSpec, chosen: readonly WorkspaceChange[]): Promise<void> {
    await withScratchGuest(this.#scratch(spec, 'bind'), async (channel) => {
      let applied = 0;
      let complaints = '';
      const program = channel.exec(
        { command: shelldInside, args: ['apply', changed, workspace], cwd: '/', env: [], openStdin: true },
        (stream, data) => {
          if (stream === 'stdout')
            applied += data.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0);
          else if (complaints.length < 4_096) complaints += Buffer.from(data).toString('utf8');
        },
      );
      await program.started;
      for (const { stamp, path } of chosen) {
        const isTaken = await program.write(Buffer.from(`${stamp} ${path}\0`)).then(
          () => true,
          () => false,
        );
        // One that has ended says why by its exit.
        if (!isTaken) break;
      }
      await program.endStdin().catch(() => undefined);
      const { exitCode } = await program.exit;
      const path = chosen[applied]?.path ?? '';
      if (exitCode === exitCodes.changed) throw notReviewed(path, applied);
      if (exitCode === exitCodes.refused) throw refused(path, complaints, applied);
      if (exitCode !== 0) throw applyFailed(path, complaints, applied);
    });
  }

  #scratch(spec: SandboxSpec, kind: 'bind' | 'readOnly'): ScratchOptions {
    const { hostPath } = reviewed(spec);
    return {
      ...this.#host.scratch,
      staged: [{ source: join(this.#host.state.reviewPath(spec.id), 'upper'), name: 'changed' }],
      workspace: { source: hostPath, name: 'workspace' },
      mounts: [
        { kind: 'readOnly', source: stagedPath('changed'), target: changed },
        { kind, source: stagedPath('workspace'), target: workspace },
      ],
    };
  }
}

function reviewed(spec: SandboxSpec): NonNullable<SandboxSpec['workspace']> {
  if (spec.workspace?.isReviewed === true) return spec.workspace;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `The workspace of ${spec.id} is not reviewed: what it writes is written at once.`,
    hint: 'Make the sandbox with workspace.isReviewed.',
    context: { id: spec.id },
  });
}

/** Whether a path is another, or below it; `.` is above all. */
function isBelow(path: string, above: string): boolean {
  const plain = above.replace(/^\.\//, '').replace(/\/+$/, '');
  return plain === '.' || (plain !== '' && (path === plain || path.startsWith(`${plain}/`)));
}

function shielded(path: string, shield: string): SovereignError {
  return new SovereignError({
    reason: 'review.refused',
    message: `${path} was not applied, and nothing else: it would run later on this host.`,
    hint: `Look at it first, then grant ${shield}.`,
    context: { path, grant: shield, applied: 0 },
  });
}

function refused(path: string, complaints: string, applied: number): SovereignError {
  return new SovereignError({
    reason: 'review.refused',
    message: `${path} was not applied: ${firstLines(complaints)}`,
    hint: 'Links that lead out of the workspace, and what is no file, directory or link, are not applied.',
    context: { path, applied },
  });
}

function notReviewed(path: string, applied: number): SovereignError {
  return new SovereignError({
    reason: 'review.changed',
    message: `${path} was not applied: it is not what was reviewed any more.`,
    hint: 'Review the changes again.',
    context: { path, applied },
  });
}

function applyFailed(path: string, complaints: string, applied: number): SovereignError {
  return new SovereignError({
    reason: 'file.failed',
    message: `${path} could not be applied: ${firstLines(complaints)}`,
    hint: 'Is the workspace writable, and its disk not full?',
    context: { path, applied },
  });
}

function tooMany(): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `More than ${maxChanges} changes cannot be applied at once.`,
    hint: 'Name directories, one after another.',
  });
}
