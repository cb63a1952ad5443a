/** Paths that mean the same inside every guest, whatever brings it up. */
export const guestPaths = {
  /** The guest's own daemon. */
  shelld: '/run/sovereign/shelld',
  /** Parent of the Python action library; in PYTHONPATH. */
  python: '/run/sovereign/python',
  /** Virtual environment of Python on the process tier. */
  virtualEnv: '/run/sovereign/venv',
  /** Where names of links are entered by shelld. */
  hosts: '/etc/hosts',
  /** Where a workspace appears unless the caller says otherwise. */
  workspace: '/workspace',
} as const;

/** Search path of commands in a guest. */
export const guestSearchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
