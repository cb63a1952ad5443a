import { resolve } from 'node:path';
import { argument, type CommandContext } from '../command-context.ts';
import { sandboxJson } from '../json/sandbox-json.ts';
import { announce } from '../sandbox/announce.ts';

/** `sovereign resume`: a sandbox that stays, and its id. JSON: `{"sandbox":{…}}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const [name, workspace] = [context.options.text('name'), context.options.text('workspace')];
  const resuming = client.resume(argument(context, 0), {
    ...(name !== undefined && { name }),
    ...(workspace !== undefined && { workspace: { path: resolve(workspace) } }),
  });
  const sandbox = await context.progress.during('Resuming', resuming);
  await announce(sandbox, context);
  if (context.isJson) await context.output.json({ sandbox: sandboxJson(sandbox) });
  else await context.output.text(`${sandbox.id}\n`);
  return 0;
}
