import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { EngineSearch, SshAddress } from './engine-address.ts';

/** Seconds until a host that does not answer is given up. */
const connectTimeoutS = 20;

/**
 * What the user's configuration of ssh cannot change.
 *
 * SAFETY: only a host whose key stands in the user's known_hosts (or the host's own ssh_known_hosts) is spoken to: a key
 * that is new or another ends the connection before anybody is told who we are. No connection of somebody else's making is
 * joined, since nobody knows how its host was verified. Held by tests/docker/ssh.test.ts.
 */
const fixedOptions = [
  'StrictHostKeyChecking=yes',
  'VerifyHostKeyDNS=no',
  'NoHostAuthenticationForLocalhost=no',
  'UpdateHostKeys=no',
  'ControlMaster=no',
  'ControlPath=none',
  // Nobody is there to be asked.
  'BatchMode=yes',
  // What runs over there gets nothing of ours but its streams.
  'ForwardAgent=no',
  'ForwardX11=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  `ConnectTimeout=${connectTimeoutS}`,
  'ServerAliveInterval=30',
  'LogLevel=ERROR',
] as const;

/** Variables that ssh and the programs of its configuration need; no other is handed on. */
const handedOn = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SSH_AUTH_SOCK', 'XDG_RUNTIME_DIR', 'TMPDIR'] as const;

/** Arguments of `ssh` that make its streams those of the engine at `address`. */
export function sshArguments(address: SshAddress, { home }: Pick<EngineSearch, 'home'>): readonly string[] {
  const { host, port, user, path } = address;
  return [
    '-T',
    ...fixedOptions.flatMap((option) => ['-o', option]),
    ...homeArguments(home),
    // Left out, they are what the configuration of ssh says.
    ...(port === 22 ? [] : ['-p', String(port)]),
    ...(user === '' ? [] : ['-l', user]),
    '--',
    host,
    relayCommand(path),
  ];
}

export function sshEnvironment(env: EngineSearch['env']): Readonly<Record<string, string>> {
  const found = handedOn.map((name) => [name, env[name] ?? process.env[name]] as const);
  return Object.fromEntries(
    found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** How the user connects by hand. */
export function sshByHand({ host, port, user }: SshAddress): string {
  return `ssh ${port === 22 ? '' : `-p ${port} `}${user === '' ? '' : `${user}@`}${host}`;
}

/** ssh looks into the home of the password file, whatever `HOME` says; another home has to be named. */
function homeArguments(home: string): readonly string[] {
  if (home === ownHome()) return [];
  const [config, known] = [join(home, '.ssh', 'config'), join(home, '.ssh', 'known_hosts')];
  return ['-F', existsSync(config) ? config : 'none', '-o', `UserKnownHostsFile=${quoted(known)}`];
}

function ownHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    // A user without an entry there.
    return undefined;
  }
}

/** One word to ssh, without its tokens and variables. */
function quoted(path: string): string {
  return `"${path.replaceAll('%', '%%').replaceAll('"', '\\"')}"`;
}

/** `dial-stdio` is what the commands of both engines offer for this; whichever is there is taken. */
function relayCommand(path: string | undefined): string {
  const [docker, podman] =
    path === undefined ? ['', ''] : [`--host unix://${path} `, `--url unix://${path} `];
  return `sh -c 'if command -v docker >/dev/null 2>&1; then exec docker ${docker}system dial-stdio; else exec podman ${podman}system dial-stdio; fi'`;
}
