/** What a package may import. */
export interface PackageRule {
  /** Packages of ours, by the name of their folder. */
  readonly packages: readonly string[];
  /** Packages of others. Adding one is a decision: see "Dependencies" in CONTRIBUTING.md. */
  readonly libraries: readonly string[];
  /** False for what must also run in a browser. */
  readonly mayUseNode: boolean;
  /** True when the folders beneath `src` must not know each other. */
  readonly hasSeparateFolders?: boolean;
}

/** The arrows between packages, as docs/architecture.md draws them. They only point down this table. */
export const arrowTable: Readonly<Record<string, PackageRule>> = {
  protocol: { packages: [], libraries: [], mayUseNode: false },
  // Reads state files by schema; small, and loads in a tenth of the time of its peers.
  core: { packages: ['protocol'], libraries: ['valibot'], mayUseNode: true },
  guest: { packages: ['core', 'protocol'], libraries: [], mayUseNode: true },
  // fzstd: zstd in JavaScript, so that hostile layers meet no C of ours; Node has its own from 22.15 on.
  images: { packages: ['core', 'protocol'], libraries: ['valibot', 'fzstd'], mayUseNode: true },
  // Kernels and root file systems, for the backends that boot them.
  microvm: { packages: ['core', 'guest', 'images', 'protocol'], libraries: ['valibot'], mayUseNode: true },
  backends: {
    packages: ['core', 'guest', 'images', 'microvm', 'protocol'],
    // docker-modem: the transport of dockerode alone, loaded at the first call (ADR 0010). The other two make the archives
    // that engines take, and read .dockerignore as Docker does.
    libraries: ['valibot', 'docker-modem', 'tar-stream', '@balena/dockerignore'],
    mayUseNode: true,
    hasSeparateFolders: true,
  },
  // Knows guests by their channel alone; reads what other processes broker by schema.
  network: { packages: ['core', 'protocol'], libraries: ['valibot'], mayUseNode: true },
  engine: {
    packages: ['backends', 'core', 'guest', 'microvm', 'network', 'protocol'],
    libraries: [],
    mayUseNode: true,
  },
  sdk: { packages: ['engine', 'core', 'protocol'], libraries: [], mayUseNode: true },
  cli: { packages: ['sdk', 'protocol'], libraries: [], mayUseNode: true },
  testkit: { packages: ['core', 'protocol'], libraries: ['vitest', 'fast-check'], mayUseNode: true },
};

/** What tests may import besides, in any package. */
export const testRule = { packages: ['testkit'], libraries: ['vitest', 'fast-check'] } as const;
