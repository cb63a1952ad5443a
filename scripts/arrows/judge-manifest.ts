import { arrowTable } from './arrow-table.ts';

/** The part of a package.json that says what the package depends on. */
export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What is wrong with the dependencies that a package declares: each must be allowed, and pinned to one version. */
export function judgeManifest(owner: string, manifest: Manifest): readonly string[] {
  const rule = arrowTable[owner];
  if (rule === undefined) return [`package ${owner} has no row in scripts/arrows/arrow-table.ts`];
  const allowed = [...rule.packages.map((name) => `@sovereign/${name}`), ...rule.libraries];
  return Object.entries(manifest.dependencies ?? {}).flatMap(([name, version]) => {
    if (!allowed.includes(name)) return [`${manifest.name} may not depend on ${name}`];
    return /^\d/.test(version) ? [] : [`${manifest.name} depends on ${name} ${version} (one exact version)`];
  });
}
