import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const ignoredDirectories = new Set([
  'node_modules',
  'dist',
  'build',
  'coverage',
  '.git',
  '.venv',
  '__pycache__',
]);

/**
 * Files that git tracks or would track, relative to the root of the repository, which is the working directory.
 * Without git (an unpacked archive), everything except build output.
 */
export function trackedFiles(): readonly string[] {
  try {
    const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const listed = execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return listed.split('\0').filter((path) => path !== '' && existsSync(path));
  } catch {
    return walk('');
  }
}

function walk(directory: string): readonly string[] {
  return readdirSync(directory === '' ? '.' : directory, { withFileTypes: true }).flatMap((entry) => {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory()) return ignoredDirectories.has(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}
