import { parseArgs } from 'node:util';

export interface Options {
  readonly isQuick: boolean;
  /** Names of figures; all when empty. */
  readonly only: readonly string[];
  readonly asJson: boolean;
  readonly startsDocker: boolean;
  readonly startsPodman: boolean;
  readonly shows: 'figures' | 'list' | 'help';
}

export const help = `Usage: npm run bench -- [options]

Measures our figures and those of the peers that this host has, side by side in one run, prints a table and writes
bench-results.json. A missed target does not fail the command: timings never decide.

  --quick          Fewer samples.
  --only NAME      This figure alone; may be given again, or with several names between commas.
  --start-docker   Start a private dockerd (own directory, network and mount namespace) and end it afterwards.
  --start-podman   The same with podman's API service.
  --json           Print what bench-results.json holds in place of the table.
  --list           Names of the figures and what they measure.
  --help           This text.
`;

/** @throws TypeError for an option that does not exist. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      'start-docker': { type: 'boolean', default: false },
      'start-podman': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    isQuick: values.quick,
    only: values.only.flatMap((names) => names.split(',')).filter((name) => name !== ''),
    asJson: values.json,
    startsDocker: values['start-docker'],
    startsPodman: values['start-podman'],
    shows: values.help ? 'help' : values.list ? 'list' : 'figures',
  };
}
