/** What a test may need of the host it runs on: tiers, programs and rights. */
export const hostNeeds = [
  'process',
  'quilt',
  'docker',
  'podman',
  'sandbox-image',
  'qemu',
  'kernel',
  'bubblewrap',
  'crun',
  'busybox',
  'uidmap',
  'python',
  'registry',
  'ssh',
  'buildah',
  'cc',
  'clang',
  'root',
] as const;
export type HostNeed = (typeof hostNeeds)[number];

/** The part of vitest's test context that a skip needs. */
export interface Skippable {
  skip(note?: string): never;
}

/**
 * The needs named in `SOVEREIGN_REQUIRE`, a comma-separated list: on such a host their absence is a failure.
 *
 * @throws Error for a name that is no need, so that a misspelt one does not turn the requirement off.
 */
export function requiredNeeds(
  value: string | undefined = process.env['SOVEREIGN_REQUIRE'],
): ReadonlySet<HostNeed> {
  const names = (value ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const known = new Map<string, HostNeed>(hostNeeds.map((need) => [need, need]));
  return new Set(
    names.map((name) => {
      const need = known.get(name);
      if (need === undefined) {
        throw new Error(
          `SOVEREIGN_REQUIRE names ${name} (expected some of ${hostNeeds.join(', ')}). Correct it.`,
        );
      }
      return need;
    }),
  );
}

/** Ends a test whose need is missing: a skip with its reason, or a failure where `SOVEREIGN_REQUIRE` names the need. */
export function skipOrFail(
  context: Skippable,
  need: HostNeed,
  reason: string,
  required: ReadonlySet<HostNeed> = requiredNeeds(),
): never {
  if (required.has(need)) {
    throw new Error(`${need} is required on this host (SOVEREIGN_REQUIRE) and is missing: ${reason}`);
  }
  return context.skip(`needs ${need}: ${reason}`);
}
