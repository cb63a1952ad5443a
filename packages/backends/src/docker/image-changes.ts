import { SovereignError } from '@sovereign/protocol';
import type { ImageConfig } from '@sovereign/core';
import type { EngineFacts } from './engine-facts.ts';

/**
 * A configuration as instructions of a Dockerfile, which is how engines take it with an import. Podman takes values as
 * they stand, where Docker reads quotes and escapes.
 */
export function imageChanges(
  config: Partial<ImageConfig>,
  dialect: EngineFacts['product'],
): readonly string[] {
  const quoted = (text: string): string => (dialect === 'Podman' ? text : quotedWord(text));
  const { entrypoint, command, workingDirectory, user, stopSignal } = config;
  const changes = [
    ...Object.entries(config.env ?? {}).map(([name, value]) => `ENV ${word(name)}=${quoted(value)}`),
    ...Object.entries(config.labels ?? {}).map(
      ([name, value]) => `LABEL ${dialect === 'Podman' ? word(name) : quotedWord(name)}=${quoted(value)}`,
    ),
    ...(config.exposedPorts ?? []).map((port) => `EXPOSE ${word(port)}`),
  ];
  if (entrypoint !== undefined && entrypoint.length > 0)
    changes.push(`ENTRYPOINT ${JSON.stringify(entrypoint)}`);
  if (command !== undefined && command.length > 0) changes.push(`CMD ${JSON.stringify(command)}`);
  if (workingDirectory !== undefined && workingDirectory !== '') changes.push(`WORKDIR ${workingDirectory}`);
  if (user !== undefined && user !== '') changes.push(`USER ${word(user)}`);
  if (stopSignal !== undefined && stopSignal !== '') changes.push(`STOPSIGNAL ${word(stopSignal)}`);
  for (const change of changes) if (/[\n\r\0]/.test(change)) throw invalid(change, 'one line');
  return changes;
}

function word(text: string): string {
  if (/^[\w./:@+-]+$/.test(text)) return text;
  throw invalid(text, 'letters, digits and ./:@+-');
}

/** In double quotes of a Dockerfile, where a backslash escapes and a dollar would name a variable. */
function quotedWord(text: string): string {
  return `"${text.replaceAll(/["\\$]/g, '\\$&')}"`;
}

function invalid(value: string, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `Configuration of the image: ${JSON.stringify(value.slice(0, 128))} (expected ${expected}).`,
    hint: 'Correct the value.',
  });
}
