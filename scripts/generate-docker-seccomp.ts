/**
 * Writes the form of the system call profile that container engines take: without comments, and without what only
 * shelld's own filter can express. `--check` only compares, for CI.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly unknown[];
}

interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly archMap: readonly unknown[];
  readonly syscalls: readonly Entry[];
}

const source = new URL('../packages/guest/seccomp/profile.json', import.meta.url);
const target = new URL('../packages/backends/src/docker/seccomp-profile.gen.ts', import.meta.url);

const profile = JSON.parse(readFileSync(source, 'utf8')) as Profile;
const forEngines = {
  defaultAction: profile.defaultAction,
  defaultErrnoRet: profile.defaultErrnoRet,
  archMap: profile.archMap,
  syscalls: profile.syscalls.map(({ names, action, errnoRet, args }) => ({
    names,
    action,
    ...(errnoRet !== undefined && { errnoRet }),
    ...(args !== undefined && { args }),
  })),
};

const lines = JSON.stringify(forEngines).match(/.{1,100}/g) ?? [];
const text = `// Generated from packages/guest/seccomp/profile.json by \`npm run generate\`. Do not edit.
/** The system call profile as JSON, in the form that container engines take. */
export const seccompProfile: string = [
${lines.map((line) => `  ${JSON.stringify(line).replaceAll("'", "\\'").replace(/^"|"$/g, "'").replaceAll('\\"', '"')},`).join('\n')}
].join('');
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    process.stderr.write(
      'seccomp-profile.gen.ts is not what the profile says. Run `npm run generate` and commit it.\n',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
