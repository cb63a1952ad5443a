import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import process from 'node:process';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** True when every command's output is shown as it comes. */
export const isVerbose =
  process.argv.includes('--verbose') || !['', '0', undefined].includes(process.env['VERBOSE']);

/**
 * @typedef {object} RunOptions
 * @property {Readonly<Record<string, string>>} [env] Added to the environment.
 * @property {'captured' | 'shown'} [output] `shown` writes through to the terminal as well. Default: captured, unless verbose.
 */

/**
 * @typedef {object} Outcome
 * @property {boolean} ok True when the command could be started and exited with 0.
 * @property {string} output What it wrote to stdout and stderr, in the order of arrival.
 * @property {string} end How it ended, in words.
 */

/**
 * Runs a command at the root of the repository with an empty stdin. Never throws: how it ended is data.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export function runCommand(command, args, options = {}) {
  const isShown = isVerbose || options.output === 'shown';
  const env = { ...process.env, ...(isShown ? colourSetting() : {}), ...options.env };
  return new Promise((resolve) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    /** @param {Buffer} chunk */
    const keep = (chunk) => {
      chunks.push(chunk);
      if (isShown) process.stdout.write(chunk);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => {
      resolve({ ok: false, output: error.message, end: `could not be started (${error.message})` });
    });
    child.once('close', (code, signal) => {
      const end = signal === null ? `exit code ${String(code)}` : `killed by ${signal}`;
      resolve({ ok: code === 0, output: Buffer.concat(chunks).toString('utf8'), end });
    });
  });
}

/**
 * Commands write to a pipe and would guess wrongly: they get colours when we have a terminal.
 *
 * @returns {Readonly<Record<string, string>>}
 */
function colourSetting() {
  if (process.env['FORCE_COLOR'] !== undefined || process.env['NO_COLOR'] !== undefined) return {};
  return process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
}

/**
 * Runs a program that an npm package of this repository ships, without a shell or npx in between.
 *
 * @param {string} script Path of its JavaScript file beneath node_modules.
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runNodeModule(script, args, options) {
  return runCommand(process.execPath, [`node_modules/${script}`, ...args], options);
}

/**
 * Runs one of our TypeScript scripts on the sources of all packages.
 *
 * @param {string} script
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runScript(script, args, options) {
  return runNodeModule('tsx/dist/cli.mjs', ['--conditions=@sovereign/source', script, ...args], options);
}
