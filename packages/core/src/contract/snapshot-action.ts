import type { LimitSpec, SandboxId } from './sandbox-spec.ts';
import type { SnapshotId } from './snapshots.ts';

/** Snapshots of running guests, and guests kept warm: part of the closed `Action` union. */
export type SnapshotAction =
  | { readonly kind: 'snapshot.take'; readonly sandbox: SandboxId; readonly snapshot: SnapshotId }
  | { readonly kind: 'snapshot.resume'; readonly snapshot: SnapshotId; readonly sandbox: SandboxId }
  | { readonly kind: 'snapshot.list' }
  | { readonly kind: 'snapshot.remove'; readonly snapshot: SnapshotId }
  | { readonly kind: 'microvm.build'; readonly image: string }
  | { readonly kind: 'pool.open'; readonly pool: string; readonly size: number; readonly memoryBytes: number }
  | {
      readonly kind: 'pool.claim';
      readonly pool: string;
      readonly sandbox: SandboxId;
      readonly name: string | null;
      readonly workspace: string | null;
      /** Missing when it is whom the image means. */
      readonly user?: string;
      readonly limits: LimitSpec;
      readonly envNames: readonly string[];
    }
  | { readonly kind: 'pool.drain'; readonly pool: string };
