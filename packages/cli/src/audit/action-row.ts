import type { LedgerRecord } from '@sovereign/sdk';
import { quoted } from '../process/process-table.ts';

const maxDetailChars = 80;

/** What says of an action what it was done to, besides the sandbox; in the order in which it is read. */
const detailKeys = [
  'name', 'reference', 'as', 'volume', 'network', 'path', 'from', 'to', 'into', 'strategy', 'scope', 'host', 'hostPort', 'port',
  'process', 'signal', 'session',
] as const; // prettier-ignore

/** One action of the ledger as a row: when, who, what, on which sandbox, and what became of it. */
export type ActionRow = readonly [
  at: string,
  via: string,
  kind: string,
  sandbox: string,
  detail: string,
  result: string,
];

/** The ledger is input like any other: members may be missing or of any type. */
export function actionRow(intent: LedgerRecord, outcome: LedgerRecord | undefined): ActionRow {
  const action = members(intent.members['action']);
  return [
    new Date(intent.at).toISOString(),
    text(members(intent.members['actor'])['via']),
    text(action['kind']),
    text(action['sandbox']),
    shortened(detailOf(action)),
    resultOf(outcome),
  ];
}

function detailOf(action: Readonly<Record<string, unknown>>): string {
  const { argv } = action;
  if (Array.isArray(argv)) return argv.map((word) => quoted(text(word))).join(' ');
  const said = detailKeys.map((key) => action[key]);
  const lists = ['references', 'rules', 'items'].flatMap((key) => {
    const list = action[key];
    return Array.isArray(list) ? list.map(text) : [];
  });
  return [...said.filter((value) => value !== undefined && value !== null).map(text), ...lists].join(' ');
}

function resultOf(outcome: LedgerRecord | undefined): string {
  if (outcome === undefined) return 'no outcome';
  const { ok, reason, facts } = members(outcome.members['outcome']);
  if (ok !== true) return `failed: ${text(reason)}`;
  const exitCode = members(facts)['exitCode'];
  return exitCode === undefined ? 'done' : `exit ${text(exitCode)}`;
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function shortened(value: string): string {
  return value.length > maxDetailChars ? `${value.slice(0, maxDetailChars - 1)}…` : value;
}
