import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import type { GuestState } from '@sovereign/core';

const text = v.optional(v.string(), '');
const labelsSchema = v.optional(v.nullable(v.record(v.string(), v.string())));

const inspectSchema = v.object({
  Id: v.string(),
  Image: text,
  State: v.object({ Status: text, ExitCode: v.optional(v.number(), 0), Pid: v.optional(v.number(), 0) }),
  Config: v.object({ Labels: labelsSchema, Env: v.optional(v.nullable(v.array(v.string()))), User: text }),
  HostConfig: v.optional(v.object({ NetworkMode: text }), { NetworkMode: '' }),
  Mounts: v.optional(v.array(v.object({ Type: text, Destination: text })), []),
});

/** What an engine knows of one container, as far as it matters to us. */
export interface ContainerInspect {
  readonly Id: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Pid: number };
  readonly Config: {
    readonly Labels?: Readonly<Record<string, string>> | null | undefined;
    readonly Env?: readonly string[] | null | undefined;
    /** Whom shelld runs as; empty: whom the image means. */
    readonly User: string;
  };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly Mounts: readonly { readonly Type: string; readonly Destination: string }[];
}

const summarySchema = v.object({
  Id: v.string(),
  State: text,
  Image: text,
  ImageID: text,
  Labels: labelsSchema,
});

/** The same, from the list of containers. */
export interface ContainerSummary {
  readonly Id: string;
  readonly State: string;
  readonly Image: string;
  readonly ImageID: string;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

/** The answer to `GET /containers/…/json`. @throws SovereignError `engine.failed` */
export function readInspect(answer: unknown): ContainerInspect {
  return readAnswer(inspectSchema, answer, 'a container');
}

/** The answer to `GET /containers/json`. @throws SovereignError `engine.failed` */
export function readSummaries(answer: unknown): readonly ContainerSummary[] {
  return readAnswer(v.array(summarySchema), answer, 'the list of containers');
}

/** Undefined for a container that is on its way out. */
export function guestState(status: string): GuestState | undefined {
  switch (status) {
    case 'created':
    case 'configured':
    case 'initialized':
      return 'created';
    case 'running':
    case 'restarting':
    case 'stopping':
      return 'running';
    case 'paused':
      return 'paused';
    case 'exited':
    case 'stopped':
    case 'dead':
      return 'stopped';
    case 'removing':
      return undefined;
    default:
      return 'broken';
  }
}

/** `NAME=value` entries as an object; entries without a name are left out. */
export function envOf(entries: readonly string[] | null | undefined): Readonly<Record<string, string>> {
  const pairs = (entries ?? []).map((entry): readonly [string, string] => {
    const at = entry.indexOf('=');
    return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== '' && name !== '__proto__'));
}

/** An answer of an engine by its schema. @throws SovereignError `engine.failed` */
export function readAnswer<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
  what: string,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  throw new SovereignError({
    reason: 'engine.failed',
    message: `What the container engine says of ${what} cannot be understood: ${parsed.issues[0].message.slice(0, 200)}.`,
    hint: 'Is a Docker-compatible engine behind that address, of a version that is supported?',
  });
}
