import { openHostSandbox } from './host-sandbox.ts';
import { runTasks } from './run-tasks.ts';

runTasks('the bare host, as the reference', openHostSandbox);
