import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import type { ByteStream } from '@sovereign/core';
import { guestPaths, relayCommand } from '@sovereign/guest';
import { readAnswer } from './container-state.ts';
import type { EngineClient } from './engine-client.ts';
import { meaningOf } from './engine-errors.ts';
import { relayStream } from './relay-stream.ts';

const execSchema = v.object({ Id: v.string() });

/** Puts shelld into a container that was made and not started, through the archive API: nothing of ours is on its host. */
export async function uploadShelld(
  client: EngineClient,
  container: string,
  shelldPath: string,
): Promise<void> {
  const { pack } = await import('tar-stream');
  const archive = pack();
  const parts = guestPaths.shelld.split('/').slice(1, -1);
  for (const [index] of parts.entries())
    archive.entry({ name: `${parts.slice(0, index + 1).join('/')}/`, type: 'directory', mode: 0o755 });
  archive.entry({ name: guestPaths.shelld.slice(1), mode: 0o755 }, readFileSync(shelldPath));
  archive.finalize();
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(chunk);
    await client.json({
      method: 'PUT',
      path: `/containers/${container}/archive`,
      query: { path: '/' },
      headers: { 'Content-Type': 'application/x-tar' },
      file: Buffer.concat(chunks),
    });
  } catch (error) {
    throw meaningOf(error, 'shelld could not be put into the container');
  }
}

/**
 * A new connection to the shelld of a container: the engine starts `shelld relay` inside and hands its streams over.
 *
 * @throws SovereignError `channel.closed`, `engine.unavailable`
 */
export async function openRelay(
  client: EngineClient,
  container: string,
  signal: AbortSignal | undefined,
): Promise<ByteStream> {
  try {
    const answer = await client.json({
      method: 'POST',
      path: `/containers/${container}/exec`,
      body: {
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        User: '0:0',
        WorkingDir: '/',
        Cmd: relayCommand,
      },
      ...(signal && { signal }),
    });
    const { Id } = readAnswer(execSchema, answer, 'an exec');
    const connection = await client.hijack({
      method: 'POST',
      path: `/exec/${encodeURIComponent(Id)}/start`,
      body: { Detach: false, Tty: false },
    });
    return relayStream(connection);
  } catch (error) {
    throw meaningOf(error, 'The container could not be connected to', [
      closed(409),
      closed(404),
      closed(500),
    ]);
  }
}

const closed = (status: number): { status: number; reason: 'channel.closed'; hint: string } => ({
  status,
  reason: 'channel.closed',
  hint: 'Is the sandbox running? See: sovereign ps --all',
});
