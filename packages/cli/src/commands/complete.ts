import type { CommandContext } from '../command-context.ts';
import { isPlainWord } from '../completion/plain-word.ts';
import { candidatesFor } from '../completion/candidates.ts';
import type { Completes } from '../syntax/command-spec.ts';
import { shortName } from '../text/image-name.ts';

/**
 * `sovereign __complete -- WORDS`: what the last word may become, one a line. Nothing means that files are meant, which the
 * shell completes itself.
 */
export async function run({ command, output, client }: CommandContext): Promise<number> {
  const typed = command.at(-1) ?? '';
  const { words, completes } = candidatesFor(command);
  const isCopy = command[0] === 'cp';
  const names = await namesOf(isCopy && completes === 'file' ? 'sandbox' : completes, client);
  const fitting = [...words, ...names.map((name) => (isCopy ? `${name}:` : name))].filter((word) =>
    word.startsWith(typed),
  );
  await output.text(fitting.map((word) => `${word}\n`).join(''));
  return 0;
}

/** A list that cannot be had is an empty one: who presses Tab is not to read errors. */
async function namesOf(
  completes: Completes | undefined,
  client: CommandContext['client'],
): Promise<readonly string[]> {
  try {
    // SAFETY: the shell takes these as words; a state file could hold anything. completion.test.ts holds it.
    return (await allNames(completes, client)).filter((name) => isPlainWord(name));
  } catch {
    return [];
  }
}

async function allNames(
  completes: Completes | undefined,
  client: CommandContext['client'],
): Promise<readonly string[]> {
  switch (completes) {
    case 'sandbox': {
      const { sandboxes } = await (await client()).list();
      return sandboxes.flatMap(({ id, spec }) => (spec.name === undefined ? [id] : [spec.name, id]));
    }
    case 'image':
      return (await (await client()).images.list()).flatMap(({ references }) => references.map(shortName));
    case 'volume':
      return (await (await client()).volumes.list()).map(({ name }) => name);
    case 'network':
      return (await (await client()).networks.list()).map(({ name }) => name);
    case 'step':
      return (await (await client()).steps.list()).map(({ id }) => id);
    case 'applied': {
      const steps = await (await client()).steps.list();
      const sandboxes = steps.map(({ sandbox, sandboxName }) => sandboxName ?? sandbox);
      return [...new Set(sandboxes), ...steps.map(({ id }) => id)];
    }
    default:
      return [];
  }
}
