import type { CommandContext } from '../command-context.ts';
import { commands } from '../syntax/command-table.ts';
import { findCommand } from '../syntax/find-command.ts';
import { commandHelp, overviewHelp } from '../syntax/help-text.ts';

/** `sovereign help [COMMAND]`; of `audit` all commands beneath it. JSON: `{"commands":[{"name","about",…}]}`. */
export async function run({ args, output, isJson }: CommandContext): Promise<number> {
  const [first] = args;
  const exact = commands.filter(({ name }) => name === args.join(' '));
  const beneath = commands.filter(({ name }) => args.length === 1 && name.startsWith(`${first ?? ''} `));
  const named = exact.length > 0 ? exact : beneath.length > 0 ? beneath : undefined;
  const chosen = first === undefined ? commands : (named ?? [findCommand(args).spec]);
  const shown = chosen.filter(({ isHidden }) => isHidden !== true);
  if (isJson) await output.json({ commands: shown });
  else await output.text(first === undefined ? overviewHelp(commands) : shown.map(commandHelp).join('\n'));
  return 0;
}
