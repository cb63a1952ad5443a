/** Milliseconds after which a condition that should have come true counts as a failure. Generous: two cores, many tests. */
const defaultDeadlineMs = 10_000;

/**
 * Waits until `look` returns something other than undefined or false, and returns it.
 *
 * @throws Error naming `what` when the deadline passes.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs: number = defaultDeadlineMs,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`did not happen within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Fails when `promise` has not settled in time: a hang becomes a message. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  deadlineMs: number = defaultDeadlineMs,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${deadlineMs} ms: ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
