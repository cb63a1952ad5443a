import { SovereignError } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';
import { normalReference } from './image-record.ts';

/** Why a pull failed, from what the engine passes on of its registry. */
export function pullFailed(name: string, problem: string): SovereignError {
  const said = firstLines(problem).slice(0, 500);
  const init = { message: `Image ${name} could not be pulled: ${said}.`, context: { reference: name } };
  if (
    /unauthorized|authentication required|no basic auth|access to the resource is denied|incorrect username/i.test(
      said,
    )
  ) {
    return new SovereignError({
      ...init,
      reason: 'image.denied',
      hint: 'Log in to its registry: docker login',
    });
  }
  if (/not found|manifest unknown|name unknown|does not exist|no matching manifest/i.test(said)) {
    return new SovereignError({
      ...init,
      reason: 'image.not-found',
      hint: 'Correct its name, tag or platform.',
    });
  }
  if (/filesystem layer verification failed|digest|checksum|unexpected EOF.*verif/i.test(said)) {
    return new SovereignError({
      ...init,
      reason: 'image.corrupt',
      hint: 'Its registry serves something else than it says.',
    });
  }
  return new SovereignError({
    ...init,
    reason: 'image.pull-failed',
    hint: 'Is the registry reachable from the engine? Try again.',
  });
}

export interface BuildFailure {
  readonly name: string;
  /** `Step 3/5 : RUN make`; empty when none had begun. */
  readonly step: string;
  readonly problem: string;
  /** Last lines of the builder. */
  readonly log: readonly string[];
}

export function buildFailed({ name, step, problem, log }: BuildFailure): SovereignError {
  const lines = log.map((line) => firstLines(line).slice(0, 300)).join(' | ');
  return new SovereignError({
    reason: 'image.build-failed',
    message: `Image ${name} could not be built${step === '' ? '' : `, at ${firstLines(step)}`}: ${firstLines(problem)}. Log: ${lines.slice(-3_000)}`,
    hint: 'Correct the Dockerfile at that step.',
    context: { reference: name, step: step.slice(0, 300) },
  });
}

/** Why an archive was not taken. Docker before 25 knows its own archives only, not those of OCI. */
export function loadFailed(problem: string): SovereignError {
  const said = firstLines(problem).slice(0, 500);
  const isCorrupt = /digest|checksum|mismatch|unexpected EOF/i.test(said);
  return new SovereignError({
    reason: isCorrupt ? 'image.corrupt' : 'image.invalid',
    message: `The archive could not be loaded: ${said}.`,
    hint: 'Give an archive made by `docker save`; Docker before 25 does not take OCI archives.',
  });
}

/** Whether it can be a name or an id at all: Podman has no status of its own for one that cannot. @throws SovereignError `image.invalid` */
export function checkReference(reference: string): void {
  if (/^[A-Za-z0-9][\w.-]*(?:[:/@][\w][\w.+-]*)*$/.test(reference)) return;
  throw new SovereignError({
    reason: 'image.invalid',
    message: `This is no name for an image: ${JSON.stringify(reference.slice(0, 256))}.`,
    hint: 'Give a name such as team/app:1.',
    context: { reference: reference.slice(0, 256) },
  });
}

/** A name that something new is given: it may not say a digest. @throws SovereignError `image.invalid` */
export function withoutDigest(reference: string): string {
  const name = normalReference(reference);
  if (!name.includes('@') && /^[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name))
    return name;
  throw new SovereignError({
    reason: 'image.invalid',
    message: `This is no name for an image: ${JSON.stringify(reference.slice(0, 256))} (lower case, with a tag and without a digest).`,
    hint: 'Give a name such as team/app:1.',
    context: { reference: reference.slice(0, 256) },
  });
}
