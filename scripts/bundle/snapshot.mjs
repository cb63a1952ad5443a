import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { cli } from './bundle.mjs';

/**
 * How Node runs with the snapshot, and while it is made: V8 takes none that was made with other options. What is compiled stays
 * compiled; tables of names keep the order that they were written in, and with it a seed that one build has and a guest cannot
 * know; and no threads are made for what a short command never asks of them.
 */
export const snapshotOptions = ['--no-flush-bytecode', '--no-rehash-snapshot', '--v8-pool-size=0'];

/** Of caches that were made with these options. */
export const snapshotCacheEnding = 'snapshot-cache';

/** What is begun with the heap: other commands load modules of Node for which it has nothing, and which these options slow. */
const commands = ['exec', 'ps'];

const names = { blob: 'sovereign.blob', fit: 'sovereign.fit', launcher: 'sovereign' };

/** @param {string} directory */
export function removeSnapshot(directory) {
  for (const name of Object.values(names)) rmSync(join(directory, name), { force: true });
}

/**
 * Keeps the heap of a Node that has evaluated the usual modules, and compiles the launcher that begins with it. Without a C compiler,
 * or where this Node makes none that works, there is neither, and the command is `sovereign.cjs`.
 *
 * @param {object} options
 * @param {string} options.directory of the chunks, whose caches were made with `snapshotOptions`
 * @param {string} options.script the bundled snapshot.ts
 * @param {readonly string[]} options.builtins modules of Node that the usual commands load
 * @param {string} options.home for state of the command, which is tried
 * @returns {string | undefined} path of the launcher
 */
export function makeSnapshot({ directory, script, builtins, home }) {
  const features = processorFeatures();
  if (process.platform !== 'linux' || features === undefined) return undefined;
  const blob = join(directory, names.blob);
  const launcher = join(directory, names.launcher);
  const args = [...snapshotOptions, '--snapshot-blob', blob, '--build-snapshot'];
  const words = [script, directory, snapshotCacheEnding, builtins.join(',')];
  if (run(process.execPath, [...args, ...words]) && compile(launcher)) {
    const facts = [directory, process.execPath, identity(process.execPath), identity(blob), features];
    const fit = [...facts, commands.join(' '), ...snapshotOptions, ''];
    writeFileSync(join(directory, names.fit), fit.join('\n'));
    if (run(launcher, ['ps'], { SOVEREIGN_HOME: home })) return launcher;
  }
  removeSnapshot(directory);
  return undefined;
}

/** @param {string} launcher */
function compile(launcher) {
  const source = join(cli, 'launcher/sovereign.c');
  const options = ['-static', '-Os', '-s', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
  return ['musl-gcc', 'cc'].some((compiler) => run(compiler, [...options, source, '-o', launcher]));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [variables]
 */
function run(command, args, variables = {}) {
  const env = { ...process.env, NODE_OPTIONS: '', ...variables };
  return spawnSync(command, args, { env, stdio: 'ignore', timeout: 60_000 }).status === 0;
}

/** What the launcher compares: see is_same_file there. @param {string} path */
function identity(path) {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const second = 1_000_000_000n;
  return [ino, size, mtimeNs / second, ctimeNs / second].join(' ');
}

/** The line of /proc/cpuinfo that tells them of the first processor. */
function processorFeatures() {
  try {
    return /^(?:flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[0];
  } catch {
    return undefined;
  }
}
