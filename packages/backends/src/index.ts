export { createDockerBackend, type DockerOptions } from './docker/docker-backend.ts';
export { createProcessBackend, type ProcessOptions } from './process/process-backend.ts';
export { seatbeltProfile, type SeatbeltOptions } from './process/seatbelt-profile.ts';
export { createQuiltBackend, type QuiltOptions } from './quilt/quilt-backend.ts';
export { createFirecrackerBackend, type FirecrackerOptions } from './firecracker/firecracker-backend.ts';
export type { Converse, MachineConversation } from './firecracker/firecracker-host.ts';
export { createQemuBackend, type QemuOptions } from './qemu/qemu-backend.ts';
export {
  createDockerSandboxBackend,
  type DockerSandboxOptions,
} from './docker-sandbox/docker-sandbox-backend.ts';
