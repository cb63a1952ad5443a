import type { Backend } from '../contract/backend.ts';
import type { ImageSpec } from '../contract/sandbox-spec.ts';
import type { ActionPath } from '../runtime/action-path.ts';
import type { CreateOptions } from '../runtime/create-options.ts';
import { toSovereignError } from '../runtime/to-sovereign-error.ts';
import { engineOf, runtimeOf } from './engine-choice.ts';
import { imageFacts } from './images.ts';

/** Fetches the image of a new sandbox on the backend it is made on, when its caller asked for that. An action of its own. */
export async function fetchImage(
  actions: ActionPath,
  backend: Backend,
  image: ImageSpec,
  { pull = 'never', onPull, signal }: Pick<CreateOptions, 'pull' | 'onPull' | 'signal'>,
): Promise<void> {
  if (pull === 'never' || image.kind !== 'reference') return;
  // There is no library to look into: its create finds what is missing. Fetching anew is refused below.
  if (pull === 'missing' && backend.capabilities.fetchesImages === true) return;
  const images = backend.images ?? engineOf(backend).engine.images;
  const { reference } = image;
  if (pull === 'missing' && (await isThere(() => images.inspect(reference)))) return;
  const options = { ...(signal && { signal }), ...(onPull && { onProgress: onPull }) };
  await actions.perform(
    {
      action: { kind: 'image.pull', reference, platform: null },
      runtime: runtimeOf(backend),
      facts: imageFacts,
    },
    () => images.pull(reference, options),
  );
}

async function isThere(inspect: () => Promise<unknown>): Promise<boolean> {
  try {
    await inspect();
    return true;
  } catch (error) {
    if (toSovereignError(error).reason === 'image.not-found') return false;
    throw error;
  }
}
