import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import {
  eventually,
  hostProcesses,
  hostProcessesNamed,
  tierTest,
  uniqueSleep,
  verifies,
} from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers, type TestTier } from '../support/tiers.ts';
import { inSandbox } from './scene.ts';

/** Processes, system calls and resources. */
for (const { tier, absence } of await probeTiers()) {
  tierTest(tier.need, absence, () => {
    processes(tier);
    systemCalls(tier);
    if (tier.name === 'quilt') resources(tier);
  });
}

function processes(tier: TestTier): void {
  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: processes of the host are not seen, not signalled, not traced; the sandbox's own are`,
    async () => {
      const marker = uniqueSleep();
      const victim = spawn('sleep', [marker], { stdio: 'ignore', env: { SECRET_OF_HOST: 'hush' } });
      await once(victim, 'spawn');
      try {
        await inSandbox(tier, async ({ sh, python }) => {
          const pid = String(victim.pid);
          const { out } = await sh(
            `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; kill -9 ${pid}; kill -9 -1 & wait`,
          );
          expect(out).not.toContain(marker);
          expect(out).not.toContain('hush');
          await python(
            `import ctypes, sys\nlibc = ctypes.CDLL(None)\nlibc.ptrace(16, int(sys.argv[1]), 0, 0)\nlibc.kill(int(sys.argv[1]), 9)`,
            pid,
          );
          expect(victim.exitCode).toBeNull();
          expect(victim.signalCode).toBeNull();
          expect(await hostProcessesNamed(marker)).toHaveLength(1);
          const own = await sh('sleep 1000 & p=$!; kill -9 $p; wait $p; echo $?');
          expect(own.out).toBe('137\n');
        });
      } finally {
        victim.kill('SIGKILL');
      }
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: our own process cannot be read through /proc`,
    async () => {
      await inSandbox(tier, async ({ sh }) => {
        const { out } = await sh(
          `for p in 1 ${process.pid} ${process.ppid}; do cat /proc/$p/environ /proc/$p/mem 2>/dev/null | head -c 100000 | tr '\\0' '\\n'; ls -l /proc/$p/fd 2>/dev/null; done; true`,
        );
        expect(out).not.toContain(`VITEST`);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: commands run without rights on the host: no capability counts there, nothing runs as its root`,
    async () => {
      await inSandbox(tier, async ({ sh, channel, guest }) => {
        const marker = uniqueSleep();
        const process = channel.exec({
          command: 'sleep',
          args: [marker],
          cwd: guest.workspacePath,
          env: ['PATH=/usr/bin:/bin'],
        });
        process.exit.catch(() => undefined);
        const seen = await eventually('the host sees it', async () =>
          (await hostProcessesNamed(marker)).at(0),
        );
        const status = await readFile(`/proc/${seen.pid}/status`, 'utf8');
        expect(status).toMatch(/^NoNewPrivs:\t1$/m);
        expect(status).toMatch(/^Seccomp:\t2$/m);
        const [theirs, ours] = await Promise.all([
          readlink(`/proc/${seen.pid}/ns/user`),
          readlink('/proc/self/ns/user'),
        ]);
        if (theirs === ours) expect(status).toMatch(/^CapEff:\t0+$/m);
        else expect(status).not.toMatch(/^Uid:\t0\t/m);
        expect((await sh('echo fine')).out).toBe('fine\n');
        await process.kill();
      });
    },
  );
}

function systemCalls(tier: TestTier): void {
  const attempts = `import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    print(name, "did" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?"))
attempt("mount", 165, b"none", b"/tmp", b"tmpfs", 0, 0)
attempt("umount2", 166, b"/proc", 2)
attempt("pivot_root", 155, b"/tmp", b"/tmp")
attempt("setns", 308, os.open("/proc/self/ns/net", os.O_RDONLY), 0)
attempt("unshare-net", 272, 0x40000000)
attempt("keyctl", 250, 0, -3, 0)
attempt("add_key", 248, b"user", b"x", b"y", 1, -3)
attempt("bpf", 321, 0, 0, 0)
attempt("perf_event_open", 298, 0, 0, -1, -1, 0)
attempt("io_uring_setup", 425, 1, ctypes.create_string_buffer(120))
attempt("userfaultfd", 323, 0)
attempt("init_module", 175, b"", 0, b"")
attempt("kexec_load", 246, 0, 0, 0, 0)
attempt("reboot", 169, 0xfee1dead, 672274793, 0)
attempt("swapon", 167, b"/tmp/x", 0)
attempt("open_by_handle_at", 304, -100, ctypes.create_string_buffer(136), 0)
attempt("fsopen", 430, b"tmpfs", 0)
attempt("getpid", 39)`;

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: system calls that only an attacker needs are refused; ordinary ones work`,
    async () => {
      await inSandbox(tier, async ({ python }) => {
        const { out } = await python(attempts);
        const verdicts = new Map(
          out
            .trim()
            .split('\n')
            .map((line) => line.split(' ') as [string, string]),
        );
        expect(verdicts.get('getpid')).toBe('did');
        verdicts.delete('getpid');
        expect(verdicts.size).toBe(17);
        expect([...verdicts].filter(([, verdict]) => verdict === 'did')).toEqual([]);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: a user namespace does not help: mounts made in one are refused too`,
    async () => {
      await inSandbox(tier, async ({ sh }) => {
        const { out } = await sh(
          'unshare -Urm sh -c "mount -t tmpfs x /mnt && echo mounted" 2>/dev/null; echo after',
        );
        expect(out).toBe('after\n');
      });
    },
  );
}

/** Limits, where the tier enforces them. The neighbour on the host is the twin that goes on. */
function resources(tier: TestTier): void {
  verifies(
    'R-TIER-3',
    `${tier.name}: a fork bomb is bounded by the pids limit; the host and later commands go on`,
    { timeoutMs: 120_000 },
    async () => {
      await inSandbox(
        tier,
        async ({ sh, python }) => {
          const marker = uniqueSleep();
          const before = (await hostProcesses()).length;
          const bomb = sh(
            `(i=0; while [ $i -lt 1000 ]; do sleep ${marker} & i=$((i+1)); done); exec sleep 1000`,
            { timeoutMs: 5_000 },
          );
          await eventually('it forks', async () => (await hostProcessesNamed(marker)).length > 20);
          const most = (await hostProcessesNamed(marker)).length;
          expect(most).toBeLessThanOrEqual(64);
          expect((await hostProcesses()).length - before).toBeLessThan(120);
          await bomb;
          await eventually('all of it is gone', async () => (await hostProcessesNamed(marker)).length === 0);
          expect((await python('print("alive")')).out).toBe('alive\n');
        },
        { limits: { pids: 64 } },
      );
    },
  );

  verifies(
    'R-TIER-3',
    `${tier.name}: the memory limit kills the hog and nothing else`,
    { timeoutMs: 120_000 },
    async () => {
      await inSandbox(
        tier,
        async ({ python, sh, channel }) => {
          const hog = await python(
            'b = bytearray(1 << 29)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint("had it all")',
          );
          expect(hog.out).toBe('');
          expect(hog.code).not.toBe(0);
          expect(await channel.ping()).toBeLessThan(5_000);
          expect((await sh('echo alive')).out).toBe('alive\n');
          expect((await python('b = bytearray(1 << 24); print(len(b))')).out).toBe('16777216\n');
        },
        { limits: { memoryBytes: 134_217_728 } },
      );
    },
  );
}
