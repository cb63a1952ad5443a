import type { Guest } from './backend.ts';
import type { SandboxSpec } from './sandbox-spec.ts';

/**
 * Giving a guest that runs already what it is to be for somebody: the second half of a create, whose first half a warm
 * pool did ahead of time.
 */
export interface LateBinding {
  /** A workspace can be mounted into a running guest. */
  readonly hasWorkspace: boolean;
  /**
   * Makes the running guest that `spec.id` names the one that `spec` describes: its name, workspace, user, environment,
   * labels, limits, strategy and lifetime, and no longer a pool's. From the moment it returns the record of the guest is `spec`.
   * Image, network and volumes are those that the guest was made with.
   *
   * When it fails, the guest is fit for nobody: the caller removes it.
   *
   * @throws SovereignError `sandbox.exists` for a name that is taken, `capability.missing` for a workspace without
   *   `hasWorkspace`, `limit.unsupported`, `sandbox.not-running`, `sandbox.not-found`
   */
  bind(spec: SandboxSpec): Promise<Guest>;
}
