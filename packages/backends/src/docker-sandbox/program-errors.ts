import { SovereignError } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';
import type { RunResult } from './run-program.ts';

const by = 'Docker Sandboxes';

/** A call of the program failed: why, by what it printed, and what to do. */
export function programFailed(what: string, command: string, result: RunResult): SovereignError {
  const said = `${result.stderr}\n${result.stdout}`.trim();
  const known = meanings.find(({ says }) => says.test(said));
  const because = known?.problem ?? endOf(result, said === '' ? '' : firstLines(said).slice(0, 400));
  return new SovereignError({
    reason: known !== undefined || result.end !== 'exited' ? 'engine.unavailable' : 'engine.failed',
    message: `${what}: ${because}.`,
    hint: known?.hint ?? hintOf(result, command),
    context: { command },
  });
}

function endOf({ end, exitCode }: RunResult, said: string): string {
  const told = said === '' ? '' : `: ${said.replace(/\.$/, '')}`;
  if (end === 'timedOut') return `${by} did not answer in time${told}`;
  if (end === 'tooLong') return `${by} printed without end`;
  if (end === 'notStarted') return `its program does not start${told}`;
  return `its program ended with ${exitCode ?? 'a signal'}${told}`;
}

function hintOf({ end }: RunResult, command: string): string {
  if (end === 'timedOut') return 'Restart its daemon (sbx daemon restart), and try again.';
  if (end === 'notStarted') return 'Install it again: https://docs.docker.com/ai/sandboxes/';
  return `Try it by hand: ${command}`;
}

/** What the program says of a host that is not set up for it, by its manual ("Troubleshooting", "Local policy"). */
const meanings: readonly { readonly says: RegExp; readonly problem: string; readonly hint: string }[] = [
  {
    says: /is not a docker command|unknown command: docker sandbox/i,
    problem: 'the docker command here has no `sandbox`, and sbx is not installed',
    hint: 'Install sbx (https://docs.docker.com/ai/sandboxes/), and sign in once: sbx login',
  },
  {
    says: /not authenticated to Docker|not (?:signed|logged) in|sbx login/i,
    problem: `${by} wants a sign-in`,
    hint: 'Sign in once: sbx login',
  },
  {
    says: /sbx policy (?:init|set-default)|initialize the (?:global )?network policy/i,
    problem: `${by} has no network policy yet, and asks for one when it is first used`,
    hint: 'Choose one once; what sandboxes of Sovereign may reach is closed whatever it says: sbx policy init deny-all',
  },
  {
    says: /(?:cannot|could not|failed to|unable to) (?:connect to|reach|start|contact)[^\n]*(?:daemon|sandboxd)|(?:daemon|sandboxd) is not running/i,
    problem: `the daemon of ${by} cannot be reached`,
    hint: 'Start it (sbx daemon restart), and see: sbx diagnose',
  },
];

/** What the program answered is not what it is published to answer. */
export function answerUnreadable(command: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'engine.failed',
    message: `An answer of ${by} cannot be read: ${command} (${problem.slice(0, 200)}).`,
    hint: 'Bring it up to date; when it stays so, its interface is another than the one that this was written for.',
    context: { command },
  });
}

export function programMissing(problem: string): SovereignError {
  return new SovereignError({
    reason: 'launcher.missing',
    message: `${by} is not installed: ${problem}.`,
    hint: 'Install sbx (https://docs.docker.com/ai/sandboxes/), sign in with `sbx login`, or take another tier.',
  });
}
