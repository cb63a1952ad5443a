import process from 'node:process';
import { PhaseError, say, sayOutput, sayPhase } from '../phases/phase.mjs';
import { runCommand } from '../phases/run-command.mjs';
import { isOnPath, missingPrograms } from './host-programs.mjs';

/** @typedef {import('./host-programs.mjs').Family} Family */
/** @typedef {import('./host-programs.mjs').HostProgram} HostProgram */

/** The command of each package manager that installs without asking; the first that is on the host is taken. */
/** @type {readonly (readonly [Family, string, string])[]} */
const managers = [
  ['apt', 'apt-get', 'apt-get install -y --no-install-recommends'],
  ['dnf', 'dnf', 'dnf install -y'],
  ['pacman', 'pacman', 'pacman -S --needed --noconfirm'],
  ['apk', 'apk', 'apk add'],
  ['zypper', 'zypper', 'zypper install -y'],
  ['brew', 'brew', 'brew install'],
];

const isRoot = process.getuid?.() === 0;

/**
 * Installs the Debian packages that are missing where we are root and have apt; says what to install elsewhere.
 * `SOVEREIGN_SETUP_PACKAGES=0` leaves the host alone.
 *
 * @param {'start' | 'test'} goal
 * @returns {Promise<string>}
 * @throws PhaseError only when something is missing that nothing works without.
 */
export async function installSystemPackages(goal) {
  const wanted = missingPrograms(goal);
  if (wanted.length === 0) return '';
  const [family, , command] = managers.find(([, program]) => isOnPath(program)) ?? [];
  const names = family === undefined ? [] : packageNames(wanted, family);
  const mayInstall = process.env['SOVEREIGN_SETUP_PACKAGES'] !== '0';
  if (isRoot && family === 'apt' && mayInstall) await installWithApt(names);
  const missing = missingPrograms(goal);
  const hint = installHint(family === undefined ? [] : packageNames(missing, family), family, command);
  const needed = missing.filter((program) => program.isNeeded === true);
  if (needed.length > 0) throw new PhaseError(`Missing: ${describe(needed)}.`, hint);
  if (missing.length > 0) {
    sayPhase('warned', `not on this host: ${describe(missing)}`);
    say(`  ${hint}`);
  }
  const added = wanted.filter((program) => !missing.includes(program));
  return added.length > 0 ? `installed ${added.map(({ name }) => name).join(', ')}` : '';
}

/**
 * @param {readonly HostProgram[]} programs
 * @param {Family} family
 * @returns {readonly string[]}
 */
function packageNames(programs, family) {
  return [...new Set(programs.flatMap((program) => program.packages[family]?.split(' ') ?? []))];
}

/** @param {readonly HostProgram[]} programs */
const describe = (programs) => programs.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');

/**
 * @param {readonly string[]} names
 * @param {Family | undefined} family
 * @param {string | undefined} command
 */
function installHint(names, family, command) {
  if (process.platform === 'darwin' && names.length === 0) return 'Install with: xcode-select --install';
  if (command === undefined || names.length === 0) return 'Install with the package manager of this host.';
  const asRoot = isRoot || family === 'brew' ? '' : 'sudo ';
  return `Install with: ${asRoot}${command} ${names.join(' ')}`;
}

/**
 * All at once, and one by one when that fails, so that one package without a candidate costs only itself.
 *
 * @param {readonly string[]} names
 */
async function installWithApt(names) {
  say(`… installing Debian packages: ${names.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const lockOptions = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=2'];
  const installArgs = [...lockOptions, 'install', '-y', '--no-install-recommends'];
  const update = await runCommand('apt-get', [...lockOptions, 'update'], { env });
  if (!update.ok) sayPhase('warned', 'apt-get update failed', update.end);
  const all = await runCommand('apt-get', [...installArgs, ...names], { env });
  if (all.ok) return;
  for (const name of names) {
    const one = await runCommand('apt-get', [...installArgs, name], { env });
    if (one.ok) continue;
    sayPhase('warned', `${name} could not be installed`, one.end);
    sayOutput(one.output.trimEnd().split('\n').slice(-3).join('\n'));
  }
}
