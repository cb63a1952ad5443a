import type { Cleanup } from '../cleanup.ts';
import { DockerApi } from '../docker-api.ts';
import type { Available } from '../figure.ts';
import { busyboxImage } from './busybox-image.ts';

export interface EngineOptions {
  /** For everything that the engine makes. */
  readonly directory: string;
  /** The static program that goes into its image. */
  readonly program: Available<string>;
  readonly mayStart: boolean;
  readonly cleanup: Cleanup;
}

/** A container engine that answers on a unix socket, with an image of ours in it. */
export interface Engine {
  readonly name: string;
  readonly api: DockerApi;
  readonly image: string;
  /** As in `DOCKER_HOST`. */
  readonly host: string;
  /** Its command line, to which a command is added. */
  readonly commandLine: readonly [string, ...string[]];
  /** A running container for execs, shared by all figures. */
  readonly container: string;
}

export interface EngineInit {
  readonly name: string;
  readonly socketPath: string;
  readonly commandLine: readonly [string, ...string[]];
  readonly program: Available<string>;
  readonly cleanup: Cleanup;
}

/** What a container runs that only waits. */
export const waiting = ['/bin/sleep', '1000000'] as const;

/** Puts our image and one running container into an engine; both are taken out at the end. */
export async function prepareEngine(init: EngineInit): Promise<Engine> {
  const api = new DockerApi(init.socketPath);
  init.cleanup.defer(() => api.close());
  const image = `sovereign-bench-${process.pid}`;
  await api.importImage(image, busyboxImage(init.program));
  init.cleanup.defer(() => api.removeImage(image));
  const container = await api.createContainer({ image, command: waiting, network: 'none' });
  init.cleanup.defer(() => api.removeContainer(container));
  await api.startContainer(container);
  return {
    name: init.name,
    api,
    image,
    host: `unix://${init.socketPath}`,
    commandLine: init.commandLine,
    container,
  };
}
