import { parseName } from '../rules/egress-rule.ts';
import type { ByteReader } from './byte-reader.ts';
import { maxHelloBytes, readClientHello } from './client-hello.ts';

export interface ServerNameGuard {
  /** The name that was judged. */
  readonly name: string;
  /** From the first byte of TLS until the name is there. */
  readonly timeoutMs: number;
  /** TLS asks for another name: what to break off with. */
  readonly onMismatch: (asked: string) => Error;
}

/**
 * Passes on what the client sends, unless it is TLS that asks for another name than the one the connection was allowed
 * for: many names share an address. What is no TLS passes, and so does TLS without a name.
 */
export async function* guardServerName(
  reader: ByteReader,
  guard: ServerNameGuard,
): AsyncGenerator<Uint8Array, undefined> {
  // SAFETY: not a byte of a ClientHello leaves before its name was compared; tests/network/egress.test.ts holds it.
  const verdict = await judgeHello(reader, guard.timeoutMs);
  if (verdict.kind === 'malformed') throw guard.onMismatch('(malformed)');
  if (verdict.serverName !== undefined && parseName(verdict.serverName) !== guard.name)
    throw guard.onMismatch(verdict.serverName);
  yield* reader.rest();
  return undefined;
}

type HelloVerdict =
  { readonly kind: 'malformed' } | { readonly kind: 'read'; readonly serverName: string | undefined };

async function judgeHello(reader: ByteReader, timeoutMs: number): Promise<HelloVerdict> {
  let deadlineMs: number | undefined;
  for (;;) {
    const hello = readClientHello(reader.held);
    if (hello.kind === 'notTls') return { kind: 'read', serverName: undefined };
    if (hello.kind === 'hello') return { kind: 'read', serverName: hello.serverName };
    if (hello.kind === 'malformed' || reader.held.length > maxHelloBytes) return { kind: 'malformed' };
    if (reader.held.length > 0) deadlineMs ??= performance.now() + timeoutMs;
    const step = await within(reader.more(), deadlineMs);
    if (step === 'late') return { kind: 'malformed' };
    // An end half way through a ClientHello: what there is of it asks for nothing.
    if (!step)
      return reader.held.length === 0 ? { kind: 'read', serverName: undefined } : { kind: 'malformed' };
  }
}

async function within(step: Promise<boolean>, deadlineMs: number | undefined): Promise<boolean | 'late'> {
  if (deadlineMs === undefined) return step;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, deadlineMs - performance.now()), 'late');
  });
  step.catch(() => undefined);
  try {
    return await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}
