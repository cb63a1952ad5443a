/** When a requirement must be held by a test: `now` fails the check without one, `later` only lists it. */
export type Due = 'now' | 'later';

/** One numbered promise of the product. */
export interface Requirement {
  readonly title: string;
  readonly due: Due;
}

/**
 * Every capability asked of the product, by id. Ids are never reused.
 *
 * `npm run check` fails when a requirement that is due is cited by no test, and when a test cites an id that does not
 * stand here. docs/specification.md is generated from this table and the tests that cite it.
 */
const table = {
  'R-EXEC-1': {
    due: 'now',
    title: 'One structured exec contract on every tier; argv is the primitive, a shell is explicit',
  },
  'R-EXEC-2': {
    due: 'now',
    title: 'stdout and stderr apart and byte-exact; stdin, signals, exit, cwd and environment',
  },
  'R-EXEC-3': {
    due: 'now',
    title: 'PTY with resize, job control and colours, the same on every tier that has one',
  },
  'R-EXEC-4': {
    due: 'now',
    title: 'Total and no-output timeouts kill everything started and return the partial output',
  },
  'R-EXEC-5': {
    due: 'now',
    title: 'A process survives its client: list, reattach by id with a cursor, nothing lost',
  },
  'R-EXEC-6': { due: 'now', title: 'Completion is the exit of the direct child and a bounded drain' },
  'R-EXEC-7': {
    due: 'now',
    title: 'Sessions with deterministic ids and bounded output: head, tail, count of dropped bytes',
  },

  'R-TIER-1': {
    due: 'now',
    title: 'Host process tier with best-effort hardening; `--insecure` disables shell and browser',
  },
  'R-TIER-2': { due: 'now', title: 'Container tier over a Docker-compatible engine' },
  'R-TIER-3': { due: 'now', title: 'Container tier on our own daemonless engine' },
  'R-TIER-4': { due: 'now', title: 'MicroVM tier: Firecracker, and QEMU where there is no Firecracker' },
  'R-TIER-5': { due: 'later', title: 'Windows AppContainer tier' },
  'R-TIER-6': { due: 'later', title: 'macOS: containers, microVMs, and Seatbelt for the process tier' },
  'R-TIER-7': { due: 'later', title: 'Kubernetes: the same contract on a cluster the user already has' },
  'R-TIER-8': {
    due: 'now',
    title: '`auto` takes the strongest tier and says why; a tier asked for by name never falls back',
  },
  'R-TIER-9': {
    due: 'now',
    title: 'A health check by round trip on every tier; a failed sandbox is disposed of',
  },
  'R-TIER-10': {
    due: 'now',
    title: 'The tier and what was verified active stand in every result and audit event',
  },
  'R-TIER-11': { due: 'now', title: 'One suite of real tasks passes with the same results on every tier' },

  'R-PRIM-1': { due: 'now', title: 'Container lifecycle; create and start are separate' },
  'R-PRIM-2': { due: 'now', title: 'Introspection from live processes: list, status, logs, metrics' },
  'R-PRIM-3': { due: 'now', title: 'Networks, ports, topology, connections between sandboxes' },
  'R-PRIM-4': { due: 'now', title: 'Resource limits, resource usage and volumes' },
  'R-PRIM-5': { due: 'now', title: 'Images: pull, build, list, inspect, remove' },
  'R-PRIM-6': { due: 'now', title: 'No container is made, kept or destroyed that nobody asked for' },
  'R-PRIM-7': { due: 'now', title: 'Orphans are detected, listed and cleaned on request' },
  'R-PRIM-8': {
    due: 'later',
    title: 'A service over gRPC with these operations, every timeout configurable',
  },

  'R-TOOL-1': { due: 'later', title: 'A tool registry with scopes and security levels' },
  'R-TOOL-2': { due: 'later', title: 'Cognitive tools that never touch containers' },
  'R-TOOL-3': { due: 'later', title: 'A system prompt and onboarding text generated from the registry' },
  'R-TOOL-4': { due: 'later', title: 'File tools with pagination and clamped page sizes' },
  'R-TOOL-5': { due: 'later', title: 'A tool without its sandbox is listed as disabled with the reason' },
  'R-TOOL-6': { due: 'later', title: 'Served over MCP, usable from the TypeScript and AI SDKs' },
  'R-TOOL-7': { due: 'later', title: 'A browser session inside a sandbox' },
  'R-TOOL-8': { due: 'now', title: 'The action library for Python code inside a sandbox' },

  'R-RUN-1': {
    due: 'later',
    title: 'Typed, validated configuration, global and per user; unknown keys refused',
  },
  'R-RUN-2': { due: 'later', title: 'First start makes the shared, tmp and vault directories of the user' },
  'R-RUN-3': {
    due: 'later',
    title: 'The agent in a guest of its own, the shell in a sidecar, a channel between them',
  },
  'R-RUN-4': { due: 'later', title: 'Every entry point starts through the runner metadata' },

  'R-GOV-1': { due: 'later', title: 'Approval ladder: A runs, B asks, C asks and needs a PIN' },
  'R-GOV-2': { due: 'later', title: 'Audit ledger: append-only, hash-chained, verifiable offline' },
  'R-GOV-3': { due: 'later', title: 'Nothing happens except as an action that was judged and recorded' },

  'R-NEW-1': { due: 'now', title: 'Egress by name: none by default, an allow-list, every decision logged' },
  'R-NEW-2': { due: 'now', title: 'Brokered links between sandboxes and published ports on every tier' },
  'R-NEW-3': {
    due: 'now',
    title: 'Snapshot, resume and fork of a microVM; commit and fork of a container',
  },
  'R-NEW-4': { due: 'later', title: 'Warm pools with late binding of workspace, environment and secrets' },
  'R-NEW-5': { due: 'later', title: 'Secrets used without being seen' },
  'R-NEW-6': { due: 'later', title: 'Structured denials that name the smallest grant that would allow it' },
  'R-NEW-7': { due: 'later', title: '`doctor --prove`: an escape self-test for each tier' },
  'R-NEW-8': { due: 'now', title: 'Diff of what a sandbox changed, apply after review, undo' },
  'R-NEW-9': { due: 'later', title: 'A web dashboard' },
} as const;

export type RequirementId = keyof typeof table;

export const requirements: Readonly<Record<RequirementId, Requirement>> = table;
