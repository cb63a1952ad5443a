/** What a Seatbelt profile is to allow (macOS, sandbox-exec(1); the language is that of Apple's own profiles). */
export interface SeatbeltOptions {
  /** Absolute, canonical path; writable unless `isReadOnly`. */
  readonly workspace?: { readonly path: string; readonly isReadOnly?: boolean };
  /** Private temporary directory of the guest. */
  readonly temporaryPath: string;
  readonly shelldPath: string;
  readonly network: 'none' | 'host';
}

/** Where programs of macOS live; readable and executable. */
const systemPaths = [
  '/bin',
  '/sbin',
  '/usr',
  '/System',
  '/Library/Apple',
  '/Library/Developer/CommandLineTools',
  '/opt/homebrew',
  '/private/etc/ssl',
  '/private/var/db/timezone',
  '/dev',
];

/** Files that run later on the host; write-protected in a workspace. */
const protectedNames = ['.git/hooks', '.git/config', '.vscode', '.idea', '.claude', '.envrc'];

/**
 * The text of a Seatbelt profile for the process tier: everything is denied that is not named. The last rule that
 * matches decides, so what is protected comes after what is allowed.
 *
 * @throws TypeError for a path that is not absolute or has a control character, which no quoting could carry.
 */
export function seatbeltProfile(options: SeatbeltOptions): string {
  const rules = [
    '(version 1)',
    '(deny default)',
    '(allow process-fork)',
    '(allow signal (target same-sandbox))',
    '(allow process-info* (target same-sandbox))',
    '(allow sysctl-read)',
    '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
    '(allow file-read-metadata)',
    '(allow file-read* (literal "/"))',
    `(allow file-read* process-exec ${[...systemPaths, options.shelldPath].map(subpath).join(' ')})`,
    `(allow file-read* file-write* process-exec ${subpath(options.temporaryPath)})`,
    '(allow file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty"))',
    '(allow pseudo-tty)',
    '(allow file-ioctl (regex #"^/dev/ttys[0-9]+$") (literal "/dev/ptmx"))',
    '(allow file-read* file-write* (regex #"^/dev/ttys[0-9]+$") (literal "/dev/ptmx"))',
  ];
  const { workspace } = options;
  if (workspace !== undefined) {
    const rights =
      workspace.isReadOnly === true ? 'file-read* process-exec' : 'file-read* file-write* process-exec';
    rules.push(`(allow ${rights} ${subpath(workspace.path)})`);
    const shielded = protectedNames.map((name) => subpath(`${workspace.path}/${name}`));
    rules.push(`(deny file-write* ${shielded.join(' ')})`);
  }
  if (options.network === 'host') rules.push('(allow network*)', '(allow system-socket)');
  return `${rules.join('\n')}\n`;
}

function subpath(path: string): string {
  // SAFETY: a quote or backslash would end the string and begin a rule of the attacker's; seatbelt-profile.test.ts holds it.
  if (!path.startsWith('/') || /[\u0000-\u001f\u007f]/.test(path)) {
    throw new TypeError(
      `Not a path for a profile: ${JSON.stringify(path)} (absolute, without control characters).`,
    );
  }
  return `(subpath "${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}")`;
}
