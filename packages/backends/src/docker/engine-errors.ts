import { SovereignError, type ErrorReason } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';

/** An engine that answered, and said no. Callers turn it into the reason that it means for them. */
export class EngineRefusal extends Error {
  readonly status: number;
  /** What it said, cut and without control characters. */
  readonly said: string;

  constructor(status: number, said: string) {
    super(`${status}: ${said}`);
    this.name = 'EngineRefusal';
    this.status = status;
    this.said = firstLines(said).slice(0, 500);
  }
}

/** What a refusal means: by status, or by status and a word of what was said. */
export interface RefusalMeaning {
  readonly status: number;
  readonly says?: RegExp;
  readonly reason: ErrorReason;
  readonly hint: string;
}

/** The refusal as an error of the product: the first meaning that fits, else `engine.failed`. Others pass as they are. */
export function meaningOf(error: unknown, what: string, meanings: readonly RefusalMeaning[] = []): unknown {
  if (!(error instanceof EngineRefusal)) return error;
  const meaning = meanings.find(
    ({ status, says }) => status === error.status && (says === undefined || says.test(error.said)),
  );
  return new SovereignError({
    reason: meaning?.reason ?? 'engine.failed',
    message: `${what}: ${error.said} (HTTP ${error.status}).`,
    hint: meaning?.hint ?? 'Look at the log of the engine.',
    context: { status: error.status },
    cause: error,
  });
}

/** A connection that could not be made, broke, or leads to somebody else. */
export function connectionFailed(where: string, error: unknown): SovereignError {
  return isDistrust(codeOf(error)) ? engineUntrusted(where, error) : engineUnavailable(where, error);
}

/** What answers cannot prove that it is the engine: nothing was said to it. */
function engineUntrusted(where: string, error: unknown): SovereignError {
  return new SovereignError({
    reason: 'engine.untrusted',
    message: `The container engine at ${where} is not trusted: ${error instanceof Error ? firstLines(error.message).slice(0, 300) : 'unknown error'} (a certificate for its name, signed by ca.pem, expected).`,
    hint: 'Is it the engine that you mean? Use the name that its certificate holds, and the ca.pem of its authority.',
    context: { engine: where, code: codeOf(error) ?? '' },
    cause: error,
  });
}

/** Codes by which Node refuses the certificate of a server (Node.js TLS, "X509 certificate error codes"). */
function isDistrust(code: string | undefined): boolean {
  return (
    code === 'ERR_TLS_CERT_ALTNAME_INVALID' ||
    /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED)/.test(
      code ?? '',
    )
  );
}

/** A connection that could not be made, or broke. */
export function engineUnavailable(where: string, error: unknown): SovereignError {
  const code = codeOf(error);
  const [problem, hint] = unavailableText(code, error);
  return new SovereignError({
    reason: 'engine.unavailable',
    message: `The container engine at ${where} ${problem}.`,
    hint,
    context: { engine: where, code: code ?? '' },
    cause: error,
  });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function unavailableText(code: string | undefined, error: unknown): readonly [string, string] {
  switch (code) {
    case 'ENOENT':
      return ['is not running: no socket is there', startHint];
    case 'ECONNREFUSED':
      return ['is not running: nobody listens there', startHint];
    case 'EACCES':
    case 'EPERM':
      return [
        'does not let this user in',
        'Join its group and log in anew, for example: sudo usermod -aG docker "$USER". Members of it are root on this host.',
      ];
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['has a host name that does not resolve', 'Correct DOCKER_HOST or the Docker context.'];
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return ['did not answer in time', 'Is it overloaded, or behind a firewall? Look at its log.'];
    default:
      if (isTlsFailure(code)) return tlsText(error);
      return [
        `went away: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown error'}`,
        'Start it again and repeat the call; sandboxes that ran may have stopped.',
      ];
  }
}

/** What OpenSSL refuses comes as `EPROTO` or under a code of its own, by the direction it happens in. */
function isTlsFailure(code: string | undefined): boolean {
  return code === 'EPROTO' || code?.startsWith('ERR_SSL_') === true;
}

function tlsText(error: unknown): readonly [string, string] {
  const said = error instanceof Error ? firstLines(error.message).slice(0, 200) : 'unknown error';
  if (/wrong.version.number|packet.length.too.long/i.test(said)) {
    return [
      'does not speak TLS',
      'Start it with --tlsverify. Only when its network is yours alone: unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.',
    ];
  }
  return [
    `refused our certificate: ${said}`,
    'Put cert.pem and key.pem, signed by the authority that it believes, beside ca.pem.',
  ];
}

const startHint =
  'Start it, for example: sudo systemctl start docker (Podman: systemctl start podman.socket)';
