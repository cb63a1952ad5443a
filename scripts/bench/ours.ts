import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Sovereign, type Pool, type Sandbox } from '@sovereign/sdk';
import { absent, available, type Available } from './figure.ts';
import { runIn } from './run-in.ts';

export type OurTier = 'quilt' | 'docker' | 'process';

/** What figures use of our product, as a program that embeds the SDK would. */
export interface Ours {
  /** @param reference of an image of the library. Default: the host's own. */
  create(tier: OurTier, reference?: string): Promise<OurSandbox>;
  /** Makes one without starting it. */
  define(tier: OurTier): Promise<OurSandbox>;
  pool(tier: OurTier): Promise<OurPool>;
  /** Lets one reach a port of another. Returns the address at which it does. */
  link(from: OurSandbox, to: OurSandbox, port: number): Promise<string>;
  close(): Promise<void>;
}

export interface OurSandbox {
  readonly id: string;
  /** Runs a command to its end. @throws Error unless it exits with 0. */
  run(command: string, args?: readonly string[]): Promise<void>;
  /** Consumes stdout as it comes; returns the bytes. */
  stream(command: string, args: readonly string[]): Promise<number>;
  /** What a command prints. @throws Error unless it exits with 0. */
  text(command: string, args: readonly string[]): Promise<string>;
  /** Starts a server, and returns when it has printed something. It ends with the sandbox. */
  serve(command: string, args: readonly string[]): Promise<void>;
  /** What it may connect to. */
  allow(rules: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

export interface OurPool {
  whenFull(): Promise<void>;
  claim(): Promise<OurSandbox>;
  drain(): Promise<void>;
}

export interface OursOptions {
  /** Directory of all state, the ledger included. */
  readonly home: string;
  readonly workspace: string;
}

export async function openOurs({ home, workspace }: OursOptions): Promise<Available<Ours>> {
  try {
    const client = await Sovereign.open({ home });
    return available({
      create: async (tier, reference) =>
        ourSandbox(
          await client.create({
            tier,
            workspace,
            ...(reference !== undefined && { image: { kind: 'reference', reference } }),
          }),
        ),
      define: async (tier) => ourSandbox(await client.create({ tier, autoStart: false })),
      pool: async (tier) => ourPool(await client.pool({ tier, workspace, size: 2 })),
      link: async (from, to, port) => (await client.link(from.id, to.id, port)).address,
      close: () => client.close(),
    });
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
}

function ourSandbox(sandbox: Sandbox): OurSandbox {
  return {
    id: sandbox.id,
    run: (command, args) => runIn(sandbox, command, args),
    stream: async (command, args) => {
      const process = await sandbox.spawn({ command, args });
      let bytes = 0;
      for await (const { data } of process) bytes += data.byteLength;
      const { exitCode } = await process.exit;
      if (exitCode !== 0) throw new Error(`${command}: exit code ${exitCode}`);
      return bytes;
    },
    text: async (command, args) => {
      const { exitCode, stdout, stderr } = await sandbox.exec({ command, args });
      if (exitCode !== 0)
        throw new Error(`${command}: exit code ${exitCode} ${Buffer.from(stderr).toString()}`);
      return Buffer.from(stdout).toString();
    },
    serve: async (command, args) => {
      const process = await sandbox.spawn({ command, args });
      for await (const { data } of process) if (data.length > 0) break;
    },
    allow: async (rules) => {
      await sandbox.egress.set(rules);
    },
    remove: () => sandbox.remove(),
  };
}

export function ourPool(pool: Pool): OurPool {
  return {
    whenFull: () => pool.whenFull(),
    claim: async () => ourSandbox(await pool.claim({ env: { CLAIMED: 'yes' }, labels: { claimed: 'yes' } })),
    drain: () => pool.drain(),
  };
}

/** Removes the sandboxes that a run left in its home, also when it was interrupted. @throws Error with what stays. */
export async function removeSandboxes(home: string): Promise<void> {
  if (!existsSync(join(home, 'state'))) return;
  const client = await Sovereign.open({ home });
  try {
    const { sandboxes } = await client.list();
    const removed = await Promise.allSettled(sandboxes.map(({ id }) => client.remove(id)));
    const failures = removed.flatMap((outcome) =>
      outcome.status === 'rejected' ? [String(outcome.reason)] : [],
    );
    if (failures.length > 0)
      throw new Error(`${failures.length} sandboxes stay in ${home}: ${failures[0] ?? ''}`);
  } finally {
    await client.close();
  }
}

/** What a person's call of `sovereign` runs; the working directory is the root of the repository. */
export function ourCommandLine(): Available<readonly [string, ...string[]]> {
  const [launcher, program] = ['sovereign', 'sovereign.cjs'].map((name) =>
    resolve('packages/cli/dist', name),
  );
  if (launcher !== undefined && existsSync(launcher)) return available([launcher]);
  if (program !== undefined && existsSync(program)) return available([process.execPath, program]);
  return absent('sovereign is not built (npm run build)');
}
