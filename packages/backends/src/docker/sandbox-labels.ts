import { bootId, isAlive, isSandboxId, processIdentity, type SandboxId } from '@sovereign/core';

/** Labels by which we know our own things in an engine that others use too. */
export const labels = {
  /** State directory that something belongs to: its random mark. */
  home: 'sovereign.home',
  /** Id of a sandbox. */
  sandbox: 'sovereign.sandbox',
  /** Its specification, as `formatSpecFile` writes it. */
  spec: 'sovereign.spec',
  /** What its image says of commands: see `formatImageDefaults`. */
  defaults: 'sovereign.defaults',
  /** Name that a sandbox, volume or network has for its users. */
  name: 'sovereign.name',
  /** The process that is to start it at once, on a container that `create` makes: see `makerMark`. */
  maker: 'sovereign.maker',
  /** What an image was made for: `host`, `rootfs`, `tar`, `fork`. */
  image: 'sovereign.image',
} as const;

/** Name of a sandbox's container: one id, one container, whoever asks. */
export function containerName(id: SandboxId): string {
  return `sovereign-${id}`;
}

/** Name in the engine of a volume or network of ours: two state directories never share one. */
export function ownName(home: string, name: string): string {
  return `sovereign_${home}_${name}`;
}

/** Repository of images that are made of something of this host; nobody pulls from there. */
export const localRepository = 'sovereign.local';

/** Name of the image that a fork is made of. */
export function forkReference(home: string, id: SandboxId): string {
  return `${localRepository}/fork-${home}:${id}`;
}

/** The sandbox that such an image was made for; undefined for any other name. */
export function forkedId(home: string, reference: string): SandboxId | undefined {
  const prefix = `${localRepository}/fork-${home}:`;
  const id = reference.slice(prefix.length);
  return reference.startsWith(prefix) && isSandboxId(id) ? id : undefined;
}

/** This process, so that others can tell when it has gone. */
export function makerMark(): string {
  return `${bootId()} ${process.pid} ${processIdentity(process.pid)?.startTicks ?? 0}`;
}

/** Whether the process of such a mark lives. One of another host, or of an earlier boot, does not. */
export function isMakerAlive(mark: string): boolean {
  const [boot = '', pid = '', ticks = ''] = mark.split(' ');
  return /^\d{1,10}$/.test(pid) && isAlive({ bootId: boot, pid: Number(pid), startTicks: Number(ticks) });
}

/** The state directory that containers, volumes and networks of an engine belong to. */
export interface DockerHome {
  /** Its random mark, made when it is first needed. */
  home(): string;
  /** Whether it has one: nothing is looked for, and no engine asked, before anything was made. */
  hasHome(): boolean;
}
