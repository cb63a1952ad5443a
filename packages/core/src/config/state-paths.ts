import { isAbsolute, join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';

/** Where things of this user are kept on the host. None of it is made by naming it. */
export interface StatePaths {
  /** State of sandboxes, one directory a backend. */
  readonly stateDir: string;
  readonly ledgerDir: string;
  readonly imagesDir: string;
  /** Sockets and what need not survive a reboot. Short: a unix socket path has 107 bytes. */
  readonly runtimeDir: string;
  readonly configFile: string;
}

export interface StatePathsInit {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
}

/**
 * The places of the XDG base directory specification, or all of them under SOVEREIGN_HOME when that is set. As the
 * specification wants, a relative XDG path counts as not set.
 * @throws SovereignError `argument.invalid` for a SOVEREIGN_HOME that is not absolute
 */
export function statePaths(init: StatePathsInit): StatePaths {
  const own = init.env['SOVEREIGN_HOME'];
  if (own !== undefined && own !== '') {
    if (!isAbsolute(own)) throw relativeHome(own);
    return paths(own, join(own, 'run'), join(own, 'config.json'));
  }
  const data = xdg(init, 'XDG_DATA_HOME') ?? join(init.home, '.local', 'share');
  const config = xdg(init, 'XDG_CONFIG_HOME') ?? join(init.home, '.config');
  const runtime = xdg(init, 'XDG_RUNTIME_DIR');
  return paths(
    join(data, 'sovereign'),
    runtime === undefined ? `/tmp/sovereign-${init.uid}` : join(runtime, 'sovereign'),
    join(config, 'sovereign', 'config.json'),
  );
}

function paths(data: string, runtimeDir: string, configFile: string): StatePaths {
  return {
    stateDir: join(data, 'state'),
    ledgerDir: join(data, 'ledger'),
    imagesDir: join(data, 'images'),
    runtimeDir,
    configFile,
  };
}

function xdg(init: StatePathsInit, name: string): string | undefined {
  const value = init.env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

function relativeHome(value: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `SOVEREIGN_HOME: ${JSON.stringify(value.slice(0, 256))} (expected an absolute path).`,
    hint: 'Set it to an absolute path, or unset it.',
  });
}
