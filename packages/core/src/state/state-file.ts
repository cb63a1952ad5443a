import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';

/** Largest file of state that is read. */
export const maxStateBytes: number = 2 * 1024 * 1024;

type Text = v.SchemaWithPipe<
  readonly [v.StringSchema<undefined>, v.MaxLengthAction<string, number, undefined>]
>;
type Count = v.SchemaWithPipe<
  readonly [
    v.NumberSchema<undefined>,
    v.SafeIntegerAction<number, undefined>,
    v.MinValueAction<number, 0, undefined>,
  ]
>;

export const stateText: Text = v.pipe(v.string(), v.maxLength(maxStateBytes));
/** A whole number from zero. */
export const stateCount: Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/**
 * Reads a file of state by its schema: it may have been cut short, or written by another version.
 *
 * @throws SovereignError `sandbox.state-corrupt`
 */
export function parseStateFile<Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  content: string,
): v.InferOutput<Schema> {
  let problem = 'it is too large';
  if (Buffer.byteLength(content) <= maxStateBytes) {
    try {
      return v.parse(schema, JSON.parse(content));
    } catch (error) {
      problem = error instanceof Error ? error.message.slice(0, 200) : String(error);
    }
  }
  throw corruptState(path, problem);
}

/** What is wrong with a state file, and that its sandbox can be removed all the same. */
export function corruptState(path: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.state-corrupt',
    message: `A state file cannot be read: ${path} (${problem}).`,
    hint: 'Remove the sandbox: sovereign rm ID. Its workspace on the host is not touched.',
    context: { path },
  });
}
