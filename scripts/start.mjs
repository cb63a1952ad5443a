/**
 * The main job, as a person would type it: an agent's piece of work runs in a sandbox (examples/todo-cli), the tier is
 * named, and the ledger of it is verified.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { say } from './phases/phase.mjs';
import { root } from './phases/run-command.mjs';

const command = 'packages/cli/dist/sovereign.cjs';

const task = ['--verbose', '--workspace', 'examples/todo-cli', '--', 'sh', 'agent-task.sh'];

/** What `sovereign` ends with when it could not do what it was asked, whatever the command. */
const ownFailure = 125;

/** @param {readonly string[]} args */
function sovereign(args) {
  say(`\n$ sovereign ${args.join(' ')}`);
  return spawnSync(process.execPath, [command, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;
}

if (existsSync(`${root}${command}`)) {
  let status = sovereign(['run', ...task]);
  if (status === ownFailure) {
    say('\nThis host cannot isolate fully yet; above is what would change that. Once more with what it has:');
    status = sovereign(['run', '--insecure', ...task]);
  }
  process.exitCode = sovereign(['audit', 'verify']) === 0 ? status : 1;
  say('\nNext: npx sovereign doctor · npx sovereign shell · npx sovereign --help');
} else {
  say(`${command} is not there. Run \`npm run build\` and read what it says.`);
  process.exitCode = 1;
}
