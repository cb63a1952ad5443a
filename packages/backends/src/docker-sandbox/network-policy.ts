import { SovereignError, type Layer } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';
import type { SandboxProgram } from './sandbox-program.ts';

/**
 * What is asked about once the network is closed: names that presets and kits of Docker Sandboxes are published to allow,
 * so that a denial that was not kept shows whatever else is denied there; a name that nobody allows, numbers with other
 * ports, and the host itself. The name and the numbers are of RFC 2606, RFC 5737 and RFC 3849, and lead nowhere.
 */
const targets = [
  'github.com',
  'api.anthropic.com',
  'example.com',
  '192.0.2.1:22',
  '2001:db8::1',
  'localhost:80',
] as const;

/**
 * Closes the network of a sandbox for good: the denial is kept with it, and wins over what is allowed to all.
 *
 * @throws SovereignError `engine.failed`, `engine.unavailable`
 */
export async function closeNetwork(program: SandboxProgram, name: string): Promise<void> {
  await program.denyNetwork(name);
}

/**
 * Asks the program, which asks what judges the requests of sandboxes, whether anything gets out of this one.
 *
 * SAFETY: only the published `Denied: …` counts as a no. An answer that is anything else, an error that ends with 0 among
 * them, is no answer, and the sandbox is not handed out. Held by tests/docker-sandbox (`network`).
 *
 * @throws SovereignError `tier.weakened`
 */
export async function verifyNetwork(program: SandboxProgram, name: string): Promise<Layer> {
  const layer = 'network-policy';
  const answers = await Promise.all(targets.map((target) => program.checkNetwork(name, target)));
  if (answers.includes(undefined))
    return {
      name: layer,
      state: 'unsupported',
      detail: 'set to deny; the docker sandbox command cannot be asked what it enforces: not verified',
    };
  for (const [index, answer] of answers.entries()) {
    const said = answer?.stdout ?? '';
    const isDenied = answer?.end === 'exited' && /^Denied:/m.test(said) && !/^Allowed:/m.test(said);
    if (!isDenied) throw notClosed(name, targets[index] ?? '', `${said}\n${answer?.stderr ?? ''}`);
  }
  const detail = `all denied to this sandbox, as sbx policy check answers for ${targets.length} targets; the card stays`;
  return { name: layer, state: 'active', detail };
}

function notClosed(name: string, target: string, said: string): SovereignError {
  return new SovereignError({
    reason: 'tier.weakened',
    message: `The network of ${name} is not known to be closed: whether it may reach ${target} was answered with ${firstLines(said).slice(0, 300)} ("Denied: ${target}" expected).`,
    hint: 'Bring sbx up to date (0.35 or later), and see what applies: sbx policy ls --include-inactive',
    context: { target },
  });
}
