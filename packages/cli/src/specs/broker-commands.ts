import type { ArgumentSpec, CommandSpec, OptionSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const from: ArgumentSpec = {
  name: 'FROM',
  about: 'sandbox that is to reach the other',
  completes: 'sandbox',
};
const to: ArgumentSpec = {
  name: 'TO',
  about: 'sandbox in which a server listens, or TO:PORT',
  completes: 'sandbox',
};
const port: ArgumentSpec = {
  name: 'PORT',
  about: 'port of the server, unless TO names it',
  isOptional: true,
};
const published: ArgumentSpec = { name: 'PORT', about: '[[ADDRESS:]HOSTPORT:]PORT, as 8080:80' };
const detach: OptionSpec = {
  name: 'detach',
  short: 'd',
  about: 'Leave a small process that holds it until `rm`, or until the sandbox is gone',
};

export const brokerCommands: readonly CommandSpec[] = [
  {
    name: 'port publish',
    about: 'Make a port of a sandbox reachable on this host',
    description: 'On loopback, unless an address is given. Holds it until Ctrl-C.',
    arguments: [sandbox, published],
    options: [detach, ...commonOptions],
    examples: ['sovereign port publish web 8080:80', 'sovereign port publish --detach web 80'],
    load: () => import('../commands/port-publish.ts'),
  },
  {
    name: 'port ls',
    about: 'List published ports',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign port ls'],
    load: () => import('../commands/port-ls.ts'),
  },
  {
    name: 'port rm',
    about: 'Take a published port back',
    arguments: [sandbox, published],
    options: commonOptions,
    examples: ['sovereign port rm web 8080:80'],
    load: () => import('../commands/port-rm.ts'),
  },
  {
    name: 'link',
    about: 'Let one sandbox reach one port of another, by its name',
    description:
      'Works between any two sandboxes, also without a network card. Nothing else is reached, and not the other way.\nHolds it until Ctrl-C; a sandbox that stops and starts again finds it restored.',
    arguments: [from, to, port],
    options: [detach, ...commonOptions],
    examples: ['sovereign link web db 5432', 'sovereign link --detach web db:5432'],
    load: () => import('../commands/link.ts'),
  },
  {
    name: 'link ls',
    about: 'List links between sandboxes',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign link ls'],
    load: () => import('../commands/link-ls.ts'),
  },
  {
    name: 'link rm',
    about: 'Cut a link, and its open connections at once',
    arguments: [from, to, port],
    options: commonOptions,
    examples: ['sovereign link rm web db 5432'],
    load: () => import('../commands/link-rm.ts'),
  },
  {
    name: 'egress set',
    about: 'Let commands of a sandbox connect to names, and nothing else',
    description:
      'Rules: example.com, *.example.com:443, 10.0.0.0/8:5432; without ports 80 and 443. Without rules nothing is allowed.\nCommands that are started meanwhile find a proxy in their environment. Prints each decision; until Ctrl-C.',
    arguments: [
      sandbox,
      { name: 'RULES', about: 'what may be connected to', isOptional: true, isRepeatable: true },
    ],
    options: [detach, ...commonOptions],
    examples: [
      'sovereign egress set dev registry.npmjs.org',
      "sovereign egress set --detach dev '*.debian.org'",
    ],
    load: () => import('../commands/egress-set.ts'),
  },
  {
    name: 'egress rm',
    about: 'Take the egress of a sandbox back',
    arguments: [sandbox],
    options: commonOptions,
    examples: ['sovereign egress rm dev'],
    load: () => import('../commands/egress-rm.ts'),
  },
  {
    name: 'network graph',
    about: 'Draw who can reach whom',
    arguments: [],
    options: [{ name: 'svg', about: 'As SVG' }, ...commonOptions],
    examples: ['sovereign network graph', 'sovereign network graph --svg > network.svg'],
    load: () => import('../commands/network-graph.ts'),
  },
  {
    name: '__broker',
    about: 'Hold something for --detach',
    isHidden: true,
    arguments: [{ name: 'REQUEST', about: 'what to hold, as JSON' }],
    options: commonOptions,
    examples: [],
    load: () => import('../commands/broker.ts'),
  },
];
