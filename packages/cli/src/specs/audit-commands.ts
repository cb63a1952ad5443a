import type { CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';

export const auditCommands: readonly CommandSpec[] = [
  {
    name: 'audit list',
    about: 'Show what was done, from the ledger',
    arguments: [],
    options: [
      { name: 'sandbox', value: 'ID', completes: 'sandbox', about: 'Only what was done to one sandbox' },
      {
        name: 'since',
        value: 'TIME',
        about: 'Only what is newer than 10m, or than a date such as 2026-01-31',
      },
      {
        name: 'limit',
        short: 'n',
        value: 'COUNT',
        default: '50',
        about: 'The newest so many actions; 0 for all',
      },
      ...commonOptions,
    ],
    examples: ['sovereign audit list', 'sovereign audit list --sandbox dev --since 1h --json'],
    load: () => import('../commands/audit-list.ts'),
  },
  {
    name: 'audit verify',
    about: 'Check the ledger: every record, every link of its chain',
    description: 'Exits with 1 when something was changed, removed or put in.',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign audit verify'],
    load: () => import('../commands/audit-verify.ts'),
  },
];
