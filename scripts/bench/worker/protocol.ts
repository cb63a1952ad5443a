/** What the process of its own is started with. */
export interface WorkerInit {
  readonly home: string;
  readonly workspace: string;
  /** Memory that it holds from the start, every page touched. */
  readonly ballastMiB: number;
}

/** One sample each. */
export type Job =
  | { readonly kind: 'quiltExec' | 'quiltCreate' | 'processCreate' | 'nodeSpawn' | 'crunCreate' }
  /** Output of so many bytes, through our SDK or through a plain pipe of Node. */
  | { readonly kind: 'ourStream' | 'pipeStream'; readonly bytes: number };

/** Milliseconds, or GiB a second for streams, and by how much the process grew meanwhile. */
export interface JobResult {
  readonly value: number;
  readonly growthMiB: number;
}

export type Question =
  { readonly kind: 'open'; readonly init: WorkerInit } | { readonly kind: 'run'; readonly job: Job };

export type Request = Question & { readonly id: number };

export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: JobResult }
  | { readonly id: number; readonly ok: false; readonly message: string };
