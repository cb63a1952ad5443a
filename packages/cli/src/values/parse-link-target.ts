import { UsageError } from '../errors/usage-error.ts';
import { parsePort } from './parse-publish.ts';

/** The sandbox in which a server listens, and its port. */
export interface LinkTarget {
  readonly to: string;
  readonly port: number;
}

/** `TO PORT`, or `TO:PORT` in one word: no id or name of a sandbox has a colon. @throws UsageError */
export function parseLinkTarget(word: string, port: string | undefined): LinkTarget {
  const [, to, inner] = /^([^:]+):([^:]*)$/.exec(word) ?? [];
  if (to !== undefined && inner !== undefined && port === undefined)
    return { to, port: parsePort(inner, 'PORT') };
  if (!word.includes(':') && port !== undefined) return { to: word, port: parsePort(port, 'PORT') };
  const given = port === undefined ? word : `${word} ${port}`;
  throw new UsageError(`${given} (expected a sandbox and one port).`, 'Write db 5432, or db:5432.');
}
