import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compileStatic } from '../compile.ts';
import type { Available } from '../figure.ts';

/**
 * spawn-loop LANES COUNT PROGRAM [ARGUMENT ...]: each of LANES processes runs PROGRAM COUNT times, one after another.
 * Prints the seconds it took and the median of one run, in seconds.
 */
const source = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int lanes = atoi(argv[1]), count = atoi(argv[2]), status, failed = 0;
  double *took = calloc((size_t)count, sizeof(double)), from = now();
  int lane = 1;
  while (lane < lanes && fork() != 0) lane++;
  for (int i = 0; i < count; i++) {
    double start = now();
    pid_t child = vfork();
    if (child == 0) { execvp(argv[3], argv + 3); _exit(127); }
    if (waitpid(child, &status, 0) < 0 || status != 0) failed = 1;
    took[i] = now() - start;
  }
  if (lane < lanes) _exit(failed);
  while (wait(&status) > 0) failed |= status != 0;
  qsort(took, (size_t)count, sizeof(double), ascending);
  printf("%.9f %.9f\\n", now() - from, took[count / 2]);
  return failed;
}
`;

const run = promisify(execFile);

export interface SpawnTimes {
  /** From the first start to the last end. */
  readonly seconds: number;
  readonly medianMs: number;
}

/** What the kernel charges for running a program, with nothing of anybody's around it. */
export interface SpawnLoop {
  /** Runs a program `count` times in each of `lanes` processes. */
  run(options: { lanes: number; count: number; argv: readonly string[] }): Promise<SpawnTimes>;
}

export function compileSpawnLoop(path: string): Available<SpawnLoop> {
  const compiled = compileStatic(source, path);
  if (!compiled.ok) return compiled;
  return {
    ok: true,
    value: {
      run: async ({ lanes, count, argv }) => {
        const { stdout } = await run(path, [String(lanes), String(count), ...argv]);
        const [seconds = NaN, median = NaN] = stdout.split(' ').map(Number);
        return { seconds, medianMs: median * 1000 };
      },
    },
  };
}
