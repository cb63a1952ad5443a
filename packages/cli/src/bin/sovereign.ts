import { Chunks } from './chunks.ts';
import { start } from './start.ts';

// The program. This file is all that `--version` loads; everything else is in the chunks beside it, of which each command evaluates
// what it needs.
start(new Chunks(__dirname, require));
