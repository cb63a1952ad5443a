import { auditCommands } from '../specs/audit-commands.ts';
import { brokerCommands } from '../specs/broker-commands.ts';
import { machineCommands } from '../specs/machine-commands.ts';
import { containerCommands } from '../specs/container-commands.ts';
import { imageCommands } from '../specs/image-commands.ts';
import { processCommands } from '../specs/process-commands.ts';
import { resourceCommands } from '../specs/resource-commands.ts';
import { runCommands } from '../specs/run-commands.ts';
import { sandboxCommands } from '../specs/sandbox-commands.ts';
import { stepCommands } from '../specs/step-commands.ts';
import { toolCommands } from '../specs/tool-commands.ts';
import type { CommandSpec } from './command-spec.ts';

/** Every command, in the order of the list that help shows. */
export const commands: readonly CommandSpec[] = [
  ...runCommands,
  ...sandboxCommands,
  ...containerCommands,
  ...stepCommands,
  ...processCommands,
  ...brokerCommands,
  ...machineCommands,
  ...imageCommands,
  ...resourceCommands,
  ...auditCommands,
  ...toolCommands,
];
