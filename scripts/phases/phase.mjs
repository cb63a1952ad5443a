import process from 'node:process';
import { isVerbose } from './run-command.mjs';

const shownLinesOfFailure = 60;

/** A failure that a person can act on: what went wrong, what to do, and what the command said. */
export class PhaseError extends Error {
  /**
   * @param {string} message What failed.
   * @param {string} hint What to do.
   * @param {string} [output]
   */
  constructor(message, hint, output = '') {
    super(message);
    this.hint = hint;
    this.output = output;
  }
}

const hasColours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

/** @type {(code: number, text: string) => string} */
const paint = (code, text) => (hasColours ? `\x1b[${String(code)}m${text}\x1b[0m` : text);

/** @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** @param {number} startedAt From `performance.now()`. */
export const secondsSince = (startedAt) => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

/**
 * Prints the end of a phase: a tick or a cross, what it was, how long it took.
 *
 * @param {'passed' | 'failed' | 'warned' | 'skipped'} state
 * @param {string} title
 * @param {string} [detail]
 */
export function sayPhase(state, title, detail = '') {
  const marks = {
    passed: paint(32, '✓'),
    failed: paint(31, '✗'),
    warned: paint(33, '!'),
    skipped: paint(33, '-'),
  };
  say(`${marks[state]} ${title}${detail === '' ? '' : ` ${paint(2, detail)}`}`);
}

/**
 * The end of a command's output, which is where the failure stands; nothing when it was shown already.
 *
 * @param {string} output
 */
export function sayOutput(output) {
  if (isVerbose || output.trim() === '') return;
  const lines = output.trimEnd().split('\n');
  const hidden = lines.length - shownLinesOfFailure;
  if (hidden > 0) say(`    … ${String(hidden)} lines before this (VERBOSE=1 shows all)`);
  for (const line of lines.slice(-shownLinesOfFailure)) say(`    ${line}`);
}

/**
 * Runs one phase and prints its line.
 *
 * @param {string} title
 * @param {() => Promise<string> | string} work Returns a word on what was done; throws {@link PhaseError} when it cannot be.
 */
export async function phase(title, work) {
  const startedAt = performance.now();
  const done = await work();
  sayPhase('passed', title, [done, secondsSince(startedAt)].filter((part) => part !== '').join(' · '));
}
