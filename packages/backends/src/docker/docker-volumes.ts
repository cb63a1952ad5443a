import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import {
  isSandboxId,
  type SandboxId,
  type VolumeMount,
  type VolumeRecord,
  type Volumes,
} from '@sovereign/core';
import { readAnswer, readSummaries } from './container-state.ts';
import type { EngineClient } from './engine-client.ts';
import { EngineRefusal, meaningOf } from './engine-errors.ts';
import { labels, ownName, type DockerHome } from './sandbox-labels.ts';
import type { EngineMount } from './workspace-binds.ts';

const volumeSchema = v.object({
  Name: v.string(),
  CreatedAt: v.optional(v.nullable(v.string()), ''),
  Labels: v.optional(v.nullable(v.record(v.string(), v.string()))),
});
const listSchema = v.object({ Volumes: v.optional(v.nullable(v.array(volumeSchema))) });

/** Named volumes of one state directory, in the engine's local driver, which knows no quotas. */
export class DockerVolumes implements Volumes {
  readonly #client: EngineClient;
  readonly #home: DockerHome;

  constructor(client: EngineClient, home: DockerHome) {
    this.#client = client;
    this.#home = home;
  }

  async create(
    name: string,
    options: { readonly sizeBytes?: number; readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<VolumeRecord> {
    if (options.sizeBytes !== undefined) throw noQuota(name, options.sizeBytes);
    // Engines take a name that they have for a request to say so again.
    if ((await this.#find(name)) !== undefined) throw exists(name);
    const home = this.#home.home();
    const own = { [labels.home]: home, [labels.name]: name };
    try {
      const body = { Name: ownName(home, name), Driver: 'local', Labels: { ...options.labels, ...own } };
      await this.#client.json({ method: 'POST', path: '/volumes/create', body });
    } catch (error) {
      throw meaningOf(error, `Volume ${name} could not be made`, [
        { status: 409, reason: 'volume.exists', hint: 'Choose another name.' },
      ]);
    }
    return this.inspect(name);
  }

  async inspect(name: string): Promise<VolumeRecord> {
    const found = await this.#find(name);
    if (found === undefined) throw notFound(name);
    return this.#record(found);
  }

  async list(): Promise<readonly VolumeRecord[]> {
    if (!this.#home.hasHome()) return [];
    const filters = JSON.stringify({ label: [`${labels.home}=${this.#home.home()}`] });
    try {
      const answer = await this.#client.json({ method: 'GET', path: '/volumes', query: { filters } });
      const found = readAnswer(listSchema, answer, 'the list of volumes').Volumes ?? [];
      return await Promise.all(found.map((volume) => this.#record(volume)));
    } catch (error) {
      throw meaningOf(error, 'Volumes could not be listed');
    }
  }

  async remove(name: string): Promise<void> {
    if ((await this.#find(name)) === undefined) throw notFound(name);
    try {
      await this.#client.json({ method: 'DELETE', path: `/volumes/${ownName(this.#home.home(), name)}` });
    } catch (error) {
      throw meaningOf(error, `Volume ${name} could not be removed`, [
        { status: 404, reason: 'volume.not-found', hint: 'It was removed meanwhile.' },
        { status: 409, reason: 'volume.in-use', hint: 'Remove the sandboxes that it is attached to first.' },
      ]);
    }
  }

  attach(sandbox: SandboxId, mount: VolumeMount): Promise<void> {
    return Promise.reject(notLate('attach', mount.volume, sandbox));
  }

  detach(sandbox: SandboxId, guestPath: string): Promise<void> {
    return Promise.reject(notLate('detach', guestPath, sandbox));
  }

  /** The mounts of a sandbox's volumes. @throws SovereignError `volume.not-found`: an engine would make a new one in silence */
  async mounts(volumes: readonly VolumeMount[]): Promise<readonly EngineMount[]> {
    return Promise.all(
      volumes.map(async ({ volume, guestPath, isReadOnly }) => {
        if ((await this.#find(volume)) === undefined) throw notFound(volume);
        const source = ownName(this.#home.home(), volume);
        return { Type: 'volume', Source: source, Target: guestPath, ReadOnly: isReadOnly === true } as const;
      }),
    );
  }

  async #find(name: string): Promise<v.InferOutput<typeof volumeSchema> | undefined> {
    try {
      const path = `/volumes/${encodeURIComponent(ownName(this.#home.home(), name))}`;
      return readAnswer(volumeSchema, await this.#client.json({ method: 'GET', path }), 'a volume');
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return undefined;
      throw meaningOf(error, `Volume ${name} could not be looked at`);
    }
  }

  async #record(volume: v.InferOutput<typeof volumeSchema>): Promise<VolumeRecord> {
    const filters = JSON.stringify({ volume: [volume.Name] });
    const query = { all: true, filters };
    const users = readSummaries(await this.#client.json({ method: 'GET', path: '/containers/json', query }));
    const given = volume.Labels ?? {};
    const createdMs = Date.parse(volume.CreatedAt ?? '');
    return {
      name: given[labels.name] ?? volume.Name,
      sizeBytes: null,
      createdMs: Number.isNaN(createdMs) ? 0 : createdMs,
      labels: Object.fromEntries(
        Object.entries(given).filter(([name]) => name !== labels.home && name !== labels.name),
      ),
      users: users.map(({ Labels }) => Labels?.[labels.sandbox] ?? '').filter(isSandboxId),
    };
  }
}

function notFound(name: string): SovereignError {
  return new SovereignError({
    reason: 'volume.not-found',
    message: `No volume has the name ${JSON.stringify(name.slice(0, 64))}.`,
    hint: `Make it: sovereign volume create ${name.slice(0, 64)}`,
    context: { volume: name.slice(0, 64) },
  });
}

function exists(name: string): SovereignError {
  return new SovereignError({
    reason: 'volume.exists',
    message: `A volume of the name ${name} exists.`,
    hint: 'Choose another name.',
    context: { volume: name },
  });
}

function noQuota(name: string, sizeBytes: number): SovereignError {
  return new SovereignError({
    reason: 'limit.unsupported',
    message: `Volume ${name} of at most ${sizeBytes} bytes: volumes of a container engine have no quota.`,
    hint: 'Leave the size out, or use quilt.',
    context: { volume: name, sizeBytes },
  });
}

function notLate(operation: 'attach' | 'detach', what: string, sandbox: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Cannot ${operation} ${what}: a container of Docker or Podman has the mounts that it was made with (${sandbox}).`,
    hint: 'Name the volume when the sandbox is made, or use quilt.',
    context: { sandbox },
  });
}
