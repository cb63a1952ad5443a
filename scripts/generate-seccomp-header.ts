/**
 * Writes the C side of the system call profile: one verdict a system call number, and the rules of those that are
 * judged by an argument. The same profile goes to container engines as it stands, so only what shelld's filter can
 * express exactly is accepted here. `--check` only compares, for CI.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Comparison {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

interface Entry {
  readonly names: readonly string[];
  readonly action?: string;
  readonly errnoRet?: number;
  readonly args?: readonly Comparison[];
}

interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly syscalls: readonly Entry[];
  readonly shelldRefuses: readonly Entry[];
}

interface Rule {
  readonly verdict: string;
  readonly comparison: Comparison | undefined;
}

const source = new URL('../packages/guest/seccomp/profile.json', import.meta.url);
const target = new URL('../packages/guest/shelld/src/seccomp.gen.h', import.meta.url);

/**
 * Since 424 every architecture numbers alike (kernel: scripts/syscall.tbl), so these need no header of that age. The
 * older ones have their number from the libc's headers, which all know them.
 */
const firstCommonNumber = 424;
const commonNames = [
  ...[
    'pidfd_send_signal',
    'io_uring_setup',
    'io_uring_enter',
    'io_uring_register',
    'open_tree',
    'move_mount',
    'fsopen',
  ],
  ...[
    'fsconfig',
    'fsmount',
    'fspick',
    'pidfd_open',
    'clone3',
    'close_range',
    'openat2',
    'pidfd_getfd',
    'faccessat2',
  ],
  ...['process_madvise', 'epoll_pwait2', 'mount_setattr', 'quotactl_fd', 'landlock_create_ruleset'],
  ...['landlock_add_rule', 'landlock_restrict_self', 'memfd_secret', 'process_mrelease', 'futex_waitv'],
  ...['set_mempolicy_home_node', 'cachestat', 'fchmodat2', 'map_shadow_stack', 'futex_wake', 'futex_wait'],
  ...[
    'futex_requeue',
    'statmount',
    'listmount',
    'lsm_get_self_attr',
    'lsm_set_self_attr',
    'lsm_list_modules',
    'mseal',
  ],
  ...[
    'setxattrat',
    'getxattrat',
    'listxattrat',
    'removexattrat',
    'open_tree_attr',
    'file_getattr',
    'file_setattr',
  ],
];
const commonNumbers = new Map(commonNames.map((name, index) => [name, firstCommonNumber + index]));

const errnoVerdicts = new Map([
  [1, 'VERDICT_EPERM'],
  [38, 'VERDICT_ENOSYS'],
]);

function refuse(names: readonly string[], problem: string): never {
  throw new Error(`seccomp/profile.json: ${names.join(', ')}: ${problem}`);
}

function verdictOf(entry: Entry): string {
  if (entry.action === 'SCMP_ACT_ALLOW') return 'VERDICT_ALLOW';
  const verdict = entry.action === 'SCMP_ACT_ERRNO' ? errnoVerdicts.get(entry.errnoRet ?? 1) : undefined;
  return (
    verdict ??
    refuse(
      entry.names,
      `action ${String(entry.action)} with errno ${String(entry.errnoRet)} (expected ALLOW, or ERRNO with 1 or 38)`,
    )
  );
}

function comparisonOf(entry: Entry): Comparison | undefined {
  const [first, ...more] = entry.args ?? [];
  if (more.length > 0) refuse(entry.names, 'more than one comparison in an entry');
  if (first === undefined) return undefined;
  if (first.op !== 'SCMP_CMP_EQ' && first.op !== 'SCMP_CMP_MASKED_EQ')
    refuse(entry.names, `${first.op} (expected EQ or MASKED_EQ)`);
  if (first.value > 0xffffffff || (first.valueTwo ?? 0) > 0xffffffff)
    refuse(entry.names, 'a value over 32 bits');
  return first;
}

const hex = (value: number): string => `0x${value.toString(16)}u`;

function ruleRow(name: string, { verdict, comparison }: Rule): string {
  if (comparison === undefined) return `    {${name}, 0, ${verdict}, 0x0u, 0x0u},`;
  const isMasked = comparison.op === 'SCMP_CMP_MASKED_EQ';
  const mask = isMasked ? comparison.value : 0xffffffff;
  const value = isMasked ? (comparison.valueTwo ?? 0) : comparison.value;
  return `    {${name}, ${String(comparison.index)}, ${verdict}, ${hex(mask)}, ${hex(value)}},`;
}

const profile = JSON.parse(readFileSync(source, 'utf8')) as Profile;
if (profile.defaultAction !== 'SCMP_ACT_ERRNO' || profile.defaultErrnoRet !== 1)
  refuse(['default'], 'not EPERM');

const rulesByName = new Map<string, Rule[]>();
function add(entry: Entry, verdict: string): void {
  for (const name of entry.names) {
    const rules = rulesByName.get(name) ?? [];
    rules.push({ verdict, comparison: comparisonOf(entry) });
    rulesByName.set(name, rules);
  }
}
for (const entry of profile.shelldRefuses) add(entry, 'VERDICT_EPERM');
for (const entry of profile.syscalls) add(entry, verdictOf(entry));

const verdictRows: string[] = [];
const ruleRows: string[] = [];
let highest = 0;
for (const name of [...rulesByName.keys()].sort()) {
  const rules = rulesByName.get(name) ?? [];
  const common = commonNumbers.get(name);
  const number = common === undefined ? `__NR_${name}` : String(common);
  const guarded = (rows: readonly string[]): readonly string[] =>
    common === undefined ? [`#ifdef ${number}`, ...rows, '#endif'] : rows;
  const [only] = rules;
  const isPlain = rules.length === 1 && only !== undefined && only.comparison === undefined;
  const comment = common === undefined ? '' : ` /* ${name} */`;
  verdictRows.push(
    ...guarded([`    [${number}] = ${isPlain ? only.verdict : 'VERDICT_BY_RULES'},${comment}`]),
  );
  if (!isPlain) ruleRows.push(...guarded(rules.map((rule) => ruleRow(number, rule))));
  highest = Math.max(highest, common ?? 0);
}

const text = `/* Generated from packages/guest/seccomp/profile.json by \`npm run generate\`. Do not edit. */
#ifndef SOVEREIGN_SECCOMP_GEN_H
#define SOVEREIGN_SECCOMP_GEN_H
#include <stdint.h>
#include <sys/syscall.h>

/* 0, what a number without a row has, is the profile's default. */
enum { VERDICT_EPERM, VERDICT_ALLOW, VERDICT_ENOSYS, VERDICT_BY_RULES };

/* Holds when (argument & mask) == value; the first rule of a system call that holds decides, else EPERM. */
struct seccomp_rule {
    uint32_t syscall;
    uint8_t argument;
    uint8_t verdict;
    uint32_t mask;
    uint32_t value;
};

/* What is numbered above was unknown when the profile was written. */
enum { SECCOMP_HIGHEST = ${String(highest)} };

static const uint8_t seccomp_verdicts[SECCOMP_HIGHEST + 1] = {
${verdictRows.join('\n')}
};

static const struct seccomp_rule seccomp_rules[] = {
${ruleRows.join('\n')}
};

#endif
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    process.stderr.write(
      'seccomp.gen.h is not what the profile says. Run `npm run generate` and commit it.\n',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
