import type { Figure } from './figure.ts';
import { cliExec } from './figures/cli-exec.ts';
import { cliVersion } from './figures/cli-version.ts';
import { egressRequest } from './figures/egress-request.ts';
import { execSh } from './figures/exec-sh.ts';
import { execThroughput } from './figures/exec-throughput.ts';
import { execTrue } from './figures/exec-true.ts';
import { dockerCreate } from './figures/docker-create.ts';
import { dockerExecTrue } from './figures/docker-exec-true.ts';
import { hundred } from './figures/hundred.ts';
import { idleBroker } from './figures/idle-broker.ts';
import { idleMemory } from './figures/idle-memory.ts';
import { largeExec, largeProcessCreate, largeQuiltCreate } from './figures/in-a-large-process.ts';
import { quiltPoolClaim } from './figures/pool-claim.ts';
import { microvmFigures } from './figures/microvm.ts';
import { microvmWorkspaceFigures } from './figures/microvm-workspace.ts';
import { linkLatency } from './figures/link-latency.ts';
import { linkThroughput } from './figures/link-throughput.ts';
import { imagePull } from './figures/image-pull.ts';
import { processCreate } from './figures/process-create.ts';
import { ps } from './figures/ps.ts';
import { quiltCreate } from './figures/quilt-create.ts';
import { quiltImageCreate } from './figures/quilt-image-create.ts';
import { quiltRemove } from './figures/quilt-remove.ts';
import { stream } from './figures/stream.ts';

/** Everything that is measured, in the order of the table. */
export const figures: readonly Figure[] = [
  execTrue,
  execSh,
  execThroughput,
  stream,
  quiltCreate,
  quiltImageCreate,
  imagePull,
  quiltRemove,
  quiltPoolClaim,
  processCreate,
  ...microvmFigures,
  ...microvmWorkspaceFigures,
  dockerCreate,
  dockerExecTrue,
  hundred,
  idleMemory,
  linkThroughput,
  linkLatency,
  egressRequest,
  idleBroker,
  cliVersion,
  cliExec,
  ps,
  largeExec,
  largeQuiltCreate,
  largeProcessCreate,
];
