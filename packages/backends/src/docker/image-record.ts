import * as v from 'valibot';
import type { ImageConfig, ImageRecord } from '@sovereign/core';
import { envOf, readAnswer } from './container-state.ts';

const text = v.optional(v.nullable(v.string()), '');
const texts = v.optional(v.nullable(v.array(v.string())));
const named = v.optional(v.nullable(v.record(v.string(), v.unknown())));

const inspectSchema = v.object({
  Id: v.string(),
  RepoTags: texts,
  RepoDigests: texts,
  Created: text,
  Size: v.optional(v.number(), 0),
  Os: text,
  Architecture: text,
  Variant: text,
  RootFS: v.optional(v.nullable(v.object({ Layers: texts }))),
  Config: v.optional(
    v.nullable(
      v.object({
        Env: texts,
        Entrypoint: texts,
        Cmd: texts,
        WorkingDir: text,
        User: text,
        ExposedPorts: named,
        Labels: v.optional(v.nullable(v.record(v.string(), v.string()))),
        StopSignal: text,
      }),
    ),
  ),
});

/**
 * The answer to `GET /images/…/json`. An image that was never pulled or pushed has no manifest in Docker before 25: its
 * digest is then its id.
 *
 * @throws SovereignError `engine.failed`
 */
export function readImage(answer: unknown): ImageRecord {
  const image = readAnswer(inspectSchema, answer, 'an image');
  const config = image.Config;
  const createdMs = Date.parse(image.Created ?? '');
  const variant = image.Variant ? `/${image.Variant}` : '';
  const id = withAlgorithm(image.Id);
  return {
    id,
    digest: digestOf(image.RepoDigests ?? []) ?? id,
    references: (image.RepoTags ?? []).filter((tag) => !tag.includes('<none>')).map(normalReference),
    platform: `${image.Os ?? ''}/${image.Architecture ?? ''}${variant}`,
    createdMs: Number.isNaN(createdMs) || createdMs < 0 ? 0 : createdMs,
    bytes: image.Size,
    layers: image.RootFS?.Layers ?? [],
    config: {
      env: envOf(config?.Env),
      entrypoint: config?.Entrypoint ?? [],
      command: config?.Cmd ?? [],
      workingDirectory: config?.WorkingDir ?? '',
      user: config?.User ?? '',
      exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
      labels: config?.Labels ?? {},
      stopSignal: config?.StopSignal ?? '',
    },
  };
}

/** A name in full, as Docker does it: `alpine` is `docker.io/library/alpine:latest`. A digest stays. */
export function normalReference(reference: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) return reference;
  const [name = '', digest] = reference.split('@', 2);
  const [first = '', ...rest] = name.split('/');
  const hasRegistry =
    rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const full = hasRegistry ? name : `docker.io/${rest.length === 0 ? 'library/' : ''}${name}`;
  if (digest !== undefined) return `${full}@${digest}`;
  return (full.split('/').at(-1) ?? '').includes(':') ? full : `${full}:latest`;
}

/** A name and its tag, as calls of the API take them apart; the tag is a digest where there is one. */
export function splitReference(reference: string): { readonly repository: string; readonly tag: string } {
  const full = normalReference(reference);
  const at = full.indexOf('@');
  if (at !== -1) return { repository: full.slice(0, at), tag: full.slice(at + 1) };
  const colon = full.lastIndexOf(':');
  return { repository: full.slice(0, colon), tag: full.slice(colon + 1) };
}

/** A configuration in the words of the engine's API. */
export function engineConfig(config: Partial<ImageConfig>): Readonly<Record<string, unknown>> {
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

function digestOf(repoDigests: readonly string[]): string | undefined {
  return repoDigests
    .map((entry) => entry.split('@')[1])
    .find((digest) => digest !== undefined && digest !== '');
}

function withAlgorithm(id: string): string {
  return id.startsWith('sha256:') ? id : `sha256:${id}`;
}
