import type { StepId } from './apply-step.ts';
import type { SandboxId } from './sandbox-spec.ts';

/** What an agent may do with containers beyond their commands and files (R-PRIM): part of the closed `Action` union. */
export type ContainerAction =
  | {
      readonly kind: 'sandbox.restart' | 'sandbox.status' | 'sandbox.logs' | 'sandbox.stats' | 'sandbox.diff';
      readonly sandbox: SandboxId;
    }
  | { readonly kind: 'sandbox.list' | 'system.metrics' | 'network.topology' }
  | { readonly kind: 'sandbox.commit'; readonly sandbox: SandboxId; readonly reference: string }
  | { readonly kind: 'sandbox.fork'; readonly sandbox: SandboxId; readonly into: SandboxId }
  /** Puts what a sandbox changed into its workspace on the host, after a person has reviewed it. */
  | { readonly kind: 'sandbox.apply'; readonly sandbox: SandboxId; readonly paths: readonly string[] }
  /** Puts back what an application replaced. The sandbox may be gone. */
  | {
      readonly kind: 'sandbox.undo';
      readonly sandbox: SandboxId;
      readonly step: StepId;
      readonly isForced: boolean;
    }
  | { readonly kind: 'step.inspect' | 'step.remove'; readonly sandbox: SandboxId; readonly step: StepId }
  | { readonly kind: 'step.list' }
  | {
      readonly kind: 'sandbox.copyTo' | 'sandbox.copyFrom';
      readonly sandbox: SandboxId;
      readonly path: string;
    }
  | { readonly kind: 'image.pull'; readonly reference: string; readonly platform: string | null }
  | {
      readonly kind: 'image.build';
      readonly context: string;
      readonly dockerfile: string;
      readonly reference: string;
    }
  | {
      readonly kind: 'image.load' | 'image.save';
      readonly path: string;
      readonly references: readonly string[];
    }
  | { readonly kind: 'image.import'; readonly path: string; readonly reference: string }
  | { readonly kind: 'image.tag'; readonly reference: string; readonly as: string }
  | { readonly kind: 'image.inspect' | 'image.remove'; readonly reference: string }
  | { readonly kind: 'image.list' | 'volume.list' | 'network.list' }
  | { readonly kind: 'volume.create'; readonly volume: string; readonly sizeBytes: number | null }
  | { readonly kind: 'volume.inspect' | 'volume.remove'; readonly volume: string }
  | {
      readonly kind: 'volume.attach';
      readonly sandbox: SandboxId;
      readonly volume: string;
      readonly path: string;
      readonly isReadOnly: boolean;
    }
  | { readonly kind: 'volume.detach'; readonly sandbox: SandboxId; readonly path: string }
  | { readonly kind: 'network.create'; readonly network: string; readonly subnet: string | null }
  | { readonly kind: 'network.remove'; readonly network: string }
  | {
      readonly kind: 'network.connect' | 'network.disconnect';
      readonly sandbox: SandboxId;
      readonly network: string;
    }
  | { readonly kind: 'network.inspect'; readonly sandbox: SandboxId }
  | { readonly kind: 'port.expose'; readonly sandbox: SandboxId; readonly port: number }
  | {
      readonly kind: 'port.bind' | 'port.unbind';
      readonly sandbox: SandboxId;
      readonly port: number;
      readonly hostAddress: string;
      readonly hostPort: number;
    }
  | {
      readonly kind: 'link.establish' | 'link.sever';
      readonly from: SandboxId;
      readonly to: SandboxId;
      readonly port: number;
    }
  | { readonly kind: 'egress.set'; readonly sandbox: SandboxId; readonly rules: readonly string[] }
  /** One connection that a guest asked for; the outcome holds the verdict and the rule. */
  | {
      readonly kind: 'egress.connect';
      readonly sandbox: SandboxId;
      readonly host: string;
      readonly port: number;
    }
  | { readonly kind: 'scope.complete'; readonly strategy: 'task' | 'session'; readonly scope: string }
  | { readonly kind: 'gc.plan' }
  | { readonly kind: 'gc.sweep'; readonly items: readonly string[] };
