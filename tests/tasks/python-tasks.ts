import { createHash } from 'node:crypto';
import { scriptTask, type Task } from './task.ts';

const tenMebibytes = Buffer.alloc(10 * 1_048_576, 'sovereign');

/** What programs in Python need of their machine. */
export const pythonTasks: readonly Task[] = [
  scriptTask(
    'python-compute',
    'numbers, JSON and unicode',
    'python3',
    `import json, math\nprint(json.dumps({"pi": round(math.pi, 6), "fact": math.factorial(20), "text": "naïve ✓"}, sort_keys=True, ensure_ascii=False))\nprint(sum(i * i for i in range(100000)))`,
    '{"fact": 2432902008176640000, "pi": 3.141593, "text": "naïve ✓"}\n333328333350000\n',
  ),
  scriptTask(
    'python-sqlite',
    'SQLite in memory and in a file',
    'python3',
    `import sqlite3\nm = sqlite3.connect(":memory:")\nm.execute("create table t(a integer primary key, b text)")\nm.executemany("insert into t(b) values (?)", [(w,) for w in "one two three".split()])\nprint(m.execute("select a, upper(b) from t order by b").fetchall())\nf = sqlite3.connect("data.db", isolation_level=None)\nf.execute("pragma journal_mode=wal")\nf.execute("create table n(v)")\nf.execute("begin")\nf.executemany("insert into n values (?)", [(i,) for i in range(1000)])\nf.execute("commit")\nprint(sqlite3.connect("data.db").execute("select count(*), sum(v) from n").fetchone())`,
    "[(1, 'ONE'), (3, 'THREE'), (2, 'TWO')]\n(1000, 499500)\n",
  ),
  scriptTask(
    'python-threads',
    'threads share a counter under a lock',
    'python3',
    `import threading, queue\nq = queue.Queue()\nlock = threading.Lock()\ntotal = 0\ndef work():\n    global total\n    while True:\n        item = q.get()\n        if item is None: return\n        with lock: total += item\nthreads = [threading.Thread(target=work) for _ in range(8)]\n[t.start() for t in threads]\n[q.put(i) for i in range(1000)]\n[q.put(None) for _ in threads]\n[t.join() for t in threads]\nprint(total)`,
    '499500\n',
  ),
  {
    id: 'python-multiprocessing',
    title: 'a pool of processes, with shared memory and semaphores',
    needs: ['python3'],
    expected: { code: 0, out: '[0, 1, 4, 9, 16, 25, 36, 49]\n4\n', err: '' },
    run: async ({ write, run }) => {
      await write(
        'pool.py',
        'import multiprocessing as mp\ndef square(n): return n * n\ndef bump(v):\n    with v.get_lock(): v.value += 1\nif __name__ == "__main__":\n    with mp.Pool(2) as pool: print(pool.map(square, range(8)))\n    v = mp.Value("i", 0)\n    ps = [mp.Process(target=bump, args=(v,)) for _ in range(4)]\n    [p.start() for p in ps]; [p.join() for p in ps]\n    print(v.value)\n',
      );
      return run('python3', ['pool.py']);
    },
  },
  scriptTask(
    'python-subprocess',
    'subprocesses with pipes, codes, timeouts and sessions',
    'python3',
    `import subprocess as s, sys\nr = s.run(["sort"], input="b\\na\\n", capture_output=True, text=True)\nprint(repr(r.stdout), r.returncode)\nprint(s.run("exit 3", shell=True).returncode)\ntry: s.run(["sleep", "100"], timeout=0.2)\nexcept s.TimeoutExpired: print("timeout")\np = s.Popen(["sleep", "100"], start_new_session=True)\np.kill(); print(p.wait())`,
    "'a\\nb\\n' 0\n3\ntimeout\n-9\n",
  ),
  scriptTask(
    'python-files',
    'unicode names, binary content, atomic replace, mmap',
    'python3',
    `import os, pathlib, mmap, shutil\np = pathlib.Path("ünïcödé 日本.bin")\np.write_bytes(bytes(range(256)) * 16)\nprint(sorted(os.listdir(".")), p.stat().st_size)\nwith open(p, "r+b") as f, mmap.mmap(f.fileno(), 0) as m:\n    m[0:4] = b"MMAP"; m.flush()\nprint(p.read_bytes()[:6])\npathlib.Path("t").write_text("new"); os.replace("t", p); print(p.read_text())\nshutil.copytree(".", "../python-files-copy"); print(os.listdir("../python-files-copy")); shutil.rmtree("../python-files-copy")`,
    "['ünïcödé 日本.bin'] 4096\nb'MMAP\\x04\\x05'\nnew\n['ünïcödé 日本.bin']\n",
  ),
  scriptTask(
    'python-binary',
    'binary output is exact',
    'python3',
    `import subprocess, sys, hashlib\nd = subprocess.run([sys.executable, "-c", "import sys; sys.stdout.buffer.write(bytes(range(256)) * 64)"], capture_output=True).stdout\nsys.stderr.write(hashlib.sha256(d).hexdigest())`,
    { err: sha256(Buffer.alloc(64 * 256, Buffer.from(Array.from({ length: 256 }, (_, value) => value)))) },
  ),
  {
    id: 'python-stdin',
    title: '10 MiB through stdin are hashed to what they are',
    needs: ['python3'],
    expected: { code: 0, out: `10485760 ${sha256(tenMebibytes).slice(0, 16)}\n`, err: '' },
    run: ({ python }) =>
      python(
        'import sys, hashlib\nd = sys.stdin.buffer.read()\nprint(len(d), hashlib.sha256(d).hexdigest()[:16])',
        {
          stdin: tenMebibytes,
        },
      ),
  },
  {
    id: 'python-unittest',
    title: 'a test run with one failure: exit code, summary and the assertion',
    needs: ['python3'],
    expected: { code: 1, summary: 'FAILED (failures=1)', assertion: 'AssertionError: 3 != 4' },
    run: async ({ write, run }) => {
      await write(
        'test_sum.py',
        'import unittest\nclass T(unittest.TestCase):\n    def test_good(self): self.assertEqual(1 + 1, 2)\n    def test_bad(self): self.assertEqual(1 + 2, 4)\n',
      );
      const { code, err } = await run('python3', ['-m', 'unittest', '-v', 'test_sum']);
      return { code, summary: /^FAILED.*$/m.exec(err)?.[0], assertion: /^AssertionError.*$/m.exec(err)?.[0] };
    },
  },
  scriptTask(
    'python-sockets',
    'a server and a client on loopback, TCP and unix',
    'python3',
    `import socket, threading, os\ndef serve(s):\n    c, _ = s.accept(); c.sendall(c.recv(100).upper()); c.close()\nfor family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, "sock")):\n    s = socket.socket(family); s.bind(address); s.listen()\n    t = threading.Thread(target=serve, args=(s,)); t.start()\n    c = socket.socket(family); c.connect(s.getsockname()); c.sendall(b"ping"); print(c.recv(100)); t.join()\na, b = socket.socketpair(); a.send(b"pair"); print(b.recv(10))`,
    "b'PING'\nb'PING'\nb'pair'\n",
  ),
  scriptTask(
    'python-asyncio',
    'asyncio with subprocesses, timers and signals',
    'python3',
    `import asyncio, signal, os\nasync def main():\n    p = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)\n    print((await p.communicate(b"through cat"))[0])\n    e = asyncio.Event()\n    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, e.set)\n    os.kill(os.getpid(), signal.SIGUSR1)\n    await asyncio.wait_for(e.wait(), 5)\n    print(sum(await asyncio.gather(*(asyncio.sleep(0.01, i) for i in range(50)))))\nasyncio.run(main())`,
    "b'through cat'\n1225\n",
  ),
  {
    id: 'python-heredoc',
    title: 'a program from a here-document, reading what a shell gives it',
    needs: ['python3', 'sh'],
    expected: { code: 0, out: '{"alpha": 1, "beta": 2}\n', err: '' },
    run: ({ sh }) =>
      sh(
        `printf 'alpha 1\\nbeta 2\\n' > in; python3 - in <<'END'\nimport json, sys\nprint(json.dumps(dict((k, int(v)) for k, v in (l.split() for l in open(sys.argv[1])))))\nEND`,
      ),
  },
  {
    id: 'apts',
    title: 'the action library: write, refuse to overwrite, read, search, by import and by command line',
    needs: ['python3'],
    expected: {
      code: 0,
      out: "True\nfile.exists\nhello é\n['notes/a.md']\nfile.not-found\n",
      err: '',
      commandLine: { ok: true, content: 'hello é\n' },
    },
    run: async ({ python, run }) => {
      const source = `from apts import read_file, write_file, search_files\nprint(write_file("notes/a.md", "hello é\\n", parents=True)["ok"])\nprint(write_file("notes/a.md", "again")["error"]["code"])\nprint(read_file("notes/a.md")["content"], end="")\nprint([m["path"] for m in search_files("**/*.md")["matches"]])\nprint(read_file("nothing")["error"]["code"])`;
      const imported = await python(source);
      const { out } = await run('python3', ['-m', 'apts', 'read_file', '{"path": "notes/a.md"}']);
      const { ok, content } = JSON.parse(out === '' ? '{}' : out) as { ok?: boolean; content?: string };
      return { ...imported, commandLine: { ok, content } };
    },
  },
];

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
