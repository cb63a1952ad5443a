import type { BackendName, Layer, Tier } from '@sovereign/protocol';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';

/** A layer by name; `detail` has to be part of what shelld says of it. */
export interface LayerNeed {
  readonly name: string;
  readonly detail?: string;
}

/** Mechanisms by the names that shelld reports. A requirement is met by any one of its alternatives. */
export interface LayerRequirement {
  readonly anyOf: readonly LayerNeed[];
  /** What it holds back, for people. */
  readonly about: string;
}

const filesProcess: LayerRequirement = {
  anyOf: [{ name: 'root-filesystem' }, { name: 'landlock' }],
  about: 'files of the host',
};
/**
 * Landlock alone is no boundary: it lets modes and times of other files be changed, and sockets that have a path be
 * connected to. With mounts of its own a guest does not see them.
 */
const mountsProcess: LayerRequirement = {
  anyOf: [{ name: 'mount-namespace' }],
  about: 'sockets and directories of the host',
};
const uidProcess: LayerRequirement = { anyOf: [{ name: 'uid' }], about: 'what root of the host owns' };
const netProcess: LayerRequirement = {
  anyOf: [{ name: 'net-namespace' }, { name: 'seccomp', detail: 'network refused' }],
  about: 'the network of the host',
};
const noNewPrivs: LayerRequirement = {
  anyOf: [{ name: 'no-new-privs' }],
  about: 'gaining privileges through set-user-id programs',
};
const containerLayers: readonly LayerRequirement[] = [
  { anyOf: [{ name: 'root-filesystem' }], about: 'files of the host' },
  { anyOf: [{ name: 'mount-namespace' }], about: 'mounts of the host' },
  { anyOf: [{ name: 'pid-namespace' }], about: 'processes of the host' },
  { anyOf: [{ name: 'seccomp' }], about: 'system calls that attack the kernel' },
  noNewPrivs,
  { anyOf: [{ name: 'capabilities' }], about: 'privileges over the host' },
];
const containerNet: LayerRequirement = {
  anyOf: [{ name: 'net-namespace' }],
  about: 'the network of the host',
};

/**
 * Layers that have to be active, as verified from inside, before a sandbox is handed out. A microVM and an AppContainer
 * hold by what they are, not by layers that shelld can see; `isInsecure` asks for none.
 */
export function requiredLayers(
  backend: { readonly name: BackendName; readonly tier: Tier },
  spec: Pick<SandboxSpec, 'network' | 'isInsecure'>,
): readonly LayerRequirement[] {
  if (backend.name === 'fake' || spec.isInsecure) return [];
  const hasOwnNet = spec.network === 'none';
  if (backend.tier === 'process') {
    return [filesProcess, mountsProcess, uidProcess, ...(hasOwnNet ? [netProcess] : []), noNewPrivs];
  }
  if (backend.tier === 'container') return [...containerLayers, ...(hasOwnNet ? [containerNet] : [])];
  return [];
}

/** Requirements that none of the layers meets, with what was said of each alternative. */
export function missingLayers(
  required: readonly LayerRequirement[],
  layers: readonly Layer[],
): readonly string[] {
  const isActive = (need: LayerNeed) =>
    layers.some(
      (layer) =>
        layer.name === need.name && layer.state === 'active' && layer.detail.includes(need.detail ?? ''),
    );
  return required
    .filter((requirement) => !requirement.anyOf.some(isActive))
    .map((requirement) => {
      const found = requirement.anyOf.map((need) => describe(need, layers)).join(', ');
      return `${requirement.about} (${found})`;
    });
}

function describe(need: LayerNeed, layers: readonly Layer[]): string {
  const layer = layers.find((one) => one.name === need.name);
  if (layer === undefined) return `${need.name}: not reported`;
  return `${need.name}: ${layer.state}${layer.detail === '' ? '' : `, ${layer.detail}`}`;
}
