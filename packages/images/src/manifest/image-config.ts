import type { ImageConfig } from '@sovereign/core';
import { parseBoundedJson } from '@sovereign/core';
import * as v from 'valibot';
import { corrupt } from '../image-errors.ts';
import { isDigest, type Digest } from '../reference/digest.ts';

/** Largest image configuration that is taken. */
export const maxConfigBytes: number = 8 * 1024 * 1024;
const limits = { maxBytes: maxConfigBytes, maxDepth: 32 } as const;

/** A configuration document (image-spec, config.md): what is read of it, and all of it, to be written again. */
export interface ConfigDocument {
  readonly architecture: string;
  readonly os: string;
  readonly variant: string | undefined;
  readonly createdMs: number;
  readonly diffIds: readonly Digest[];
  readonly config: ImageConfig;
  readonly raw: Readonly<Record<string, unknown>>;
}

const text = v.pipe(v.string(), v.maxLength(256 * 1024));
const texts = v.nullish(v.pipe(v.array(text), v.maxLength(4_096)));
const schema = v.object({
  architecture: text,
  os: text,
  variant: v.nullish(text),
  created: v.nullish(text),
  rootfs: v.object({
    type: v.literal('layers'),
    diff_ids: v.nullish(
      v.array(
        v.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'a sha256 digest expected'),
      ),
    ),
  }),
  config: v.nullish(
    v.object({
      Env: texts,
      Entrypoint: texts,
      Cmd: texts,
      WorkingDir: v.nullish(text),
      User: v.nullish(text),
      ExposedPorts: v.nullish(v.record(text, v.unknown())),
      Labels: v.nullish(v.record(text, text)),
      StopSignal: v.nullish(text),
    }),
  ),
});

/** @throws SovereignError `image.corrupt` */
export function parseConfig(bytes: Uint8Array, what: string): ConfigDocument {
  let raw: unknown;
  let document: v.InferOutput<typeof schema>;
  try {
    raw = parseBoundedJson(Buffer.from(bytes).toString('utf8'), limits);
    document = v.parse(schema, raw);
  } catch (error) {
    throw corrupt(
      `${what}: ${error instanceof Error ? error.message.slice(0, 200) : 'it is no configuration'}`,
    );
  }
  const config = document.config ?? {};
  return {
    architecture: document.architecture,
    os: document.os,
    variant: document.variant ?? undefined,
    createdMs: timeOf(document.created),
    diffIds: document.rootfs.diff_ids ?? [],
    config: {
      env: environmentOf(config.Env ?? []),
      entrypoint: config.Entrypoint ?? [],
      command: config.Cmd ?? [],
      workingDirectory: config.WorkingDir ?? '',
      user: config.User ?? '',
      exposedPorts: Object.keys(config.ExposedPorts ?? {}),
      labels: config.Labels ?? {},
      stopSignal: config.StopSignal ?? '',
    },
    raw: isRecord(raw) ? raw : {},
  };
}

/** The configuration of an image that has nothing yet. */
export function emptyConfig(platform: {
  readonly os: string;
  readonly architecture: string;
}): ConfigDocument {
  return parseConfig(
    Buffer.from(
      JSON.stringify({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [] }, history: [] }),
    ),
    'an empty configuration',
  );
}

/** What one more layer changes in a configuration. Members that we do not know (Healthcheck, Volumes …) stay. */
export interface ConfigChange {
  readonly diffId: Digest;
  readonly config: Partial<ImageConfig>;
  readonly createdBy: string;
  readonly createdMs: number;
}

/** Writes a configuration with one more layer. */
export function extendConfig(base: ConfigDocument, change: ConfigChange): Buffer {
  const created = new Date(change.createdMs).toISOString();
  const history = Array.isArray(base.raw['history']) ? (base.raw['history'] as readonly unknown[]) : [];
  return Buffer.from(
    JSON.stringify({
      ...base.raw,
      created,
      config: { ...(isRecord(base.raw['config']) ? base.raw['config'] : {}), ...members(change.config) },
      rootfs: { type: 'layers', diff_ids: [...base.diffIds, change.diffId] },
      history: [...history, { created, created_by: change.createdBy }],
    }),
  );
}

function members(config: Partial<ImageConfig>): Record<string, unknown> {
  return {
    ...(config.env && { Env: Object.entries(config.env).map(([name, value]) => `${name}=${value}`) }),
    ...(config.entrypoint && { Entrypoint: config.entrypoint }),
    ...(config.command && { Cmd: config.command }),
    ...(config.workingDirectory !== undefined && { WorkingDir: config.workingDirectory }),
    ...(config.user !== undefined && { User: config.user }),
    ...(config.exposedPorts && {
      ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [port, {}])),
    }),
    ...(config.labels && { Labels: config.labels }),
    ...(config.stopSignal !== undefined && { StopSignal: config.stopSignal }),
  };
}

/** An entry without `=` is dropped: there is nothing that it could mean to execve(2). */
function environmentOf(entries: readonly string[]): Readonly<Record<string, string>> {
  const pairs = entries.flatMap((entry) => {
    const equals = entry.indexOf('=');
    return equals < 1 || entry.includes('\0')
      ? []
      : [[entry.slice(0, equals), entry.slice(equals + 1)] as const];
  });
  return Object.fromEntries(pairs);
}

function timeOf(created: string | null | undefined): number {
  const ms = Date.parse(created ?? '');
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
