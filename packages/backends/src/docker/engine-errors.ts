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
      return [
        `went away: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown error'}`,
        'Start it again and repeat the call; sandboxes that ran may have stopped.',
      ];
  }
}

const startHint =
  'Start it, for example: sudo systemctl start docker (Podman: systemctl start podman.socket)';
