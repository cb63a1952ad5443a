import type { Shortfall } from '@sovereign/core';

/** A program to run where a build may do no harm. */
export interface BuildRequest {
  /** Directory of ours that is `/build` inside, writable; the working directory. */
  readonly directory: string;
  /** Directory that is `/context` inside, read-only. */
  readonly contextPath: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether what it starts reaches the network of the host. */
  readonly hasNetwork: boolean;
  readonly onOutput: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

/**
 * Runs the programs of a build, for a library that must not do so itself.
 *
 * SAFETY: a Dockerfile is hostile, and so is what it starts. Whoever implements this runs it where it owns nothing of the
 * host and sees nothing but `/build` and `/context`; tests/images/build.test.ts holds it.
 */
export interface BuildGuest {
  /** Whether a program is installed where builds run. */
  has(program: string): boolean;
  /** What the host keeps from a builder: said of a step that was not permitted something. Default: nothing. */
  shortfall?(): Shortfall | undefined;
  /** Exit code. */
  run(request: BuildRequest): Promise<number>;
}
