/** The oldest Node that what is bundled runs on, as esbuild calls it. */
export const nodeTarget = 'node20.19';
