import { isatty } from 'node:tty';
import type { OutputChunk } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { neutralise } from '../text/neutralise.ts';

/** Writes output as lines of JSON: `{"stream","cursor","text"}`. */
export function jsonChunks({
  output,
}: Pick<CommandContext, 'output'>): (chunk: OutputChunk) => Promise<void> {
  const decode = createDecoder();
  return (chunk) => output.json({ stream: chunk.stream, cursor: chunk.cursor, text: decode(chunk) });
}

/** Writes retained output: as it is, made visible for a terminal, or as lines of JSON. */
export function logWriter(context: CommandContext): (chunk: OutputChunk) => Promise<void> {
  if (context.isJson) return jsonChunks(context);
  const { output, options } = context;
  const decode = createDecoder();
  return (chunk) => {
    const { stream, data } = chunk;
    if (options.has('raw') || !isatty(stream === 'stdout' ? 1 : 2)) return output.bytes(stream, data);
    // SAFETY: what is looked at afterwards must not drive the terminal; tests/cli/terminal.test.ts holds it.
    const text = neutralise(decode(chunk).replaceAll('\r\n', '\n'), { keepsLines: true });
    return output.bytes(stream, Buffer.from(text));
  };
}

/** Text of each stream; a character in two chunks is one. */
function createDecoder(): (chunk: OutputChunk) => string {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return ({ stream, data }) => decoders[stream].decode(data, { stream: true });
}
