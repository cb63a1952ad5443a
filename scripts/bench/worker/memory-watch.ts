import process from 'node:process';

const intervalMs = 20;

/** Watches this process grow from now on, by its resident set. */
export function watchMemory(): { growthMiB(): number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, intervalMs);
  return {
    growthMiB: () => {
      clearInterval(timer);
      look();
      return (most - before) / 2 ** 20;
    },
  };
}
