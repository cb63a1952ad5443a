/** The measuring program, bundled and started by main.ts. */
import { rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { Bench } from './bench.ts';
import { Cleanup } from './cleanup.ts';
import type { Figure } from './figure.ts';
import { figures } from './figures.ts';
import { hostFacts, loadAverage } from './host-facts.ts';
import { Interruption } from './interruption.ts';
import { help, parseOptions, type Options } from './options.ts';
import { figureResult, type Results } from './results.ts';
import { renderTable } from './table.ts';
import { judge, type JudgedFigure } from './verdict.ts';

const resultsPath = 'bench-results.json';

async function measure(figure: Figure, bench: Bench): Promise<JudgedFigure> {
  try {
    return judge(figure, await figure.run(bench));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return judge(figure, { ours: { name: 'ours', samples: [], absent: reason }, peers: [] });
  }
}

async function run(options: Options, chosen: readonly Figure[]): Promise<number> {
  const startedAt = performance.now();
  const host = hostFacts();
  const cleanup = new Cleanup();
  const interruption = new Interruption(() => cleanup.run());
  // The bundle that this program runs from: main.ts deletes it as well, unless it was killed.
  cleanup.defer(() => rmSync(import.meta.dirname, { recursive: true, force: true }));
  const bench = new Bench({ options, cleanup, signal: interruption.signal });
  const judged: JudgedFigure[] = [];
  const details: object[] = [];
  try {
    for (const figure of chosen) {
      if (interruption.signal.aborted) break;
      process.stderr.write(`… ${figure.name}\n`);
      const result = await measure(figure, bench);
      judged.push(result);
      details.push(figureResult(result, loadAverage()));
    }
  } finally {
    await cleanup.run();
  }
  if (interruption.signal.aborted) return interruption.exitCode;
  const results: Results = {
    startedAt: new Date(performance.timeOrigin + startedAt).toISOString(),
    seconds: Math.round((performance.now() - startedAt) / 1000),
    isQuick: options.isQuick,
    host,
    figures: details,
  };
  const json = `${JSON.stringify(results, undefined, 2)}\n`;
  writeFileSync(resultsPath, json);
  if (options.asJson) {
    process.stdout.write(json);
    return 0;
  }
  const { kernel, cpus, node } = host;
  const load = `load ${host.loadAverage.toFixed(1)} → ${loadAverage().toFixed(1)}`;
  process.stdout.write(`\nLinux ${kernel}, ${cpus} CPUs, Node ${node}, ${load}; ${results.seconds} s\n\n`);
  process.stdout.write(`${renderTable(judged)}\n${resultsPath} holds it all.\n`);
  return 0;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.shows === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (options.shows === 'list') {
    for (const { name, title } of figures) process.stdout.write(`${name.padEnd(22)} ${title}\n`);
    return 0;
  }
  const unknown = options.only.filter((name) => !figures.some((figure) => figure.name === name));
  if (unknown.length > 0)
    throw new TypeError(`No figure is called ${unknown.join(', ')} (--list names them).`);
  return run(
    options,
    figures.filter(({ name }) => options.only.length === 0 || options.only.includes(name)),
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof TypeError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
