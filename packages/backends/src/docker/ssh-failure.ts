import { SovereignError } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';
import { addressText, type SshAddress } from './engine-address.ts';
import { sshByHand } from './ssh-command.ts';

/** Why ssh ended before the engine said a word, by what it printed. */
export function sshFailure(address: SshAddress, exitCode: number | null, printed: string): SovereignError {
  const known = meanings.find(({ says }) => says.test(printed));
  const byHand = sshByHand(address);
  const where = addressText({ ...address, source: '' });
  const said = firstLines(printed).slice(0, 300);
  return new SovereignError({
    reason: known?.reason ?? 'engine.unavailable',
    message: `The container engine at ${where} ${known?.problem ?? `cannot be reached: ssh ended with ${exitCode ?? 'a signal'}${said === '' ? '' : `: ${said}`}`}.`,
    hint: known?.hint(byHand, address) ?? `Try it by hand: ${byHand} docker version`,
    context: { engine: where },
  });
}

export function sshMissing(address: SshAddress): SovereignError {
  const where = addressText({ ...address, source: '' });
  return new SovereignError({
    reason: 'engine.unavailable',
    message: `The container engine at ${where} cannot be reached: ssh is not installed.`,
    hint: 'Install it, for example: sudo apt-get install openssh-client',
    context: { engine: where },
  });
}

interface Meaning {
  readonly says: RegExp;
  readonly reason: 'engine.untrusted' | 'engine.unavailable';
  readonly problem: string;
  readonly hint: (byHand: string, address: SshAddress) => string;
}

/** The words of OpenSSH, which it says in English everywhere. */
const meanings: readonly Meaning[] = [
  {
    says: /HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|REVOKED HOST KEY/i,
    reason: 'engine.untrusted',
    problem: 'is not trusted: its host key is another than the one in known_hosts, or revoked',
    hint: (byHand, address) =>
      `Someone may be in between. When you know why the key changed: ssh-keygen -R '${keyName(address)}', then once: ${byHand}`,
  },
  {
    says: /host key is known for|Host key verification failed/i,
    reason: 'engine.untrusted',
    problem: 'is not trusted: its host key is not in known_hosts',
    hint: (byHand) => `Connect once by hand, compare the fingerprint and accept it: ${byHand}`,
  },
  {
    says: /Permission denied|Too many authentication failures/i,
    reason: 'engine.unavailable',
    problem: 'does not let this user in: ssh was denied',
    hint: (byHand) =>
      `Load your key (ssh-add) or name it in ~/.ssh/config; no password is asked for. By hand: ${byHand}`,
  },
  {
    says: /Could not resolve hostname/i,
    reason: 'engine.unavailable',
    problem: 'has a host name that does not resolve',
    hint: () => 'Correct DOCKER_HOST or the Docker context.',
  },
  {
    says: /Connection refused|Connection timed out|No route to host|Network is unreachable|Operation timed out/i,
    reason: 'engine.unavailable',
    problem: 'cannot be reached: no ssh server answers there',
    hint: (byHand) => `Is it up, and the port right? By hand: ${byHand}`,
  },
  {
    says: /(?:docker|podman): (?:command )?not found/i,
    reason: 'engine.unavailable',
    problem: 'cannot be reached: neither docker nor podman is in the PATH of that user there',
    hint: (byHand) => `Install it there. By hand: ${byHand} docker version`,
  },
];

/** As known_hosts has it. */
function keyName({ host, port }: SshAddress): string {
  return port === 22 ? host : `[${host}]:${port}`;
}
