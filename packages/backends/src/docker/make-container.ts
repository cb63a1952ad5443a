import type { SandboxSpec } from '@sovereign/core';
import { createFailed } from './backend-errors.ts';
import { createPath, type ContainerRequest } from './container-request.ts';
import type { EngineClient } from './engine-client.ts';
import { EngineRefusal, meaningOf } from './engine-errors.ts';
import type { GuestImage } from './guest-image.ts';

export interface ContainerMake {
  readonly client: EngineClient;
  readonly spec: SandboxSpec;
  readonly body: ContainerRequest;
  /** Made, where it can be, when the engine turns out not to have it. */
  readonly image: GuestImage;
  /** Forgets what was prepared for it, unless it belongs to a container that is there. */
  readonly onNothingMade: () => void;
}

/** @throws SovereignError `sandbox.exists`, `image.not-found`, `sandbox.create-failed`, `engine.unavailable` */
export async function makeContainer({
  client,
  spec,
  body,
  image,
  onNothingMade,
}: ContainerMake): Promise<void> {
  const ask = (): Promise<unknown> => client.json({ method: 'POST', ...createPath(spec), body });
  try {
    await ask().catch(async (error: unknown) => {
      if (!(error instanceof EngineRefusal) || error.status !== 404 || image.make === undefined) throw error;
      await image.make();
      return ask();
    });
  } catch (error) {
    const isTaken =
      error instanceof EngineRefusal && (error.status === 409 || error.said.includes('already in use'));
    if (!isTaken) onNothingMade();
    const exists = {
      reason: 'sandbox.exists',
      hint: `Remove that one first: sovereign rm ${spec.id}`,
    } as const;
    throw meaningOf(error, `Sandbox ${spec.id} could not be made`, [
      { status: 409, ...exists },
      { status: 500, says: /already in use/, ...exists },
      { status: 404, reason: 'image.not-found', hint: 'Was it removed meanwhile? Pull it again.' },
      { ...createFailed, status: 400 },
      createFailed,
    ]);
  }
}
