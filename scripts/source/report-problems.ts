/** Prints what a check found, one line a problem, and makes the process exit with 1 when there is any. */
export function reportProblems(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
