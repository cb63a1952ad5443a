"""Real programs at work under the whole confinement, each judged by the file or the words it leaves."""
import os
import shutil
import unittest

from confine_harness import ACTIVE, ConfineTest, for_each_user, landlock, run

THREADS = """
import hashlib, multiprocessing, subprocess, tempfile, threading
def square(x): return x * x
if __name__ == '__main__':
    threads = [threading.Thread(target=hashlib.sha256, args=(b'x',)) for _ in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
    for method in ('fork', 'spawn', 'forkserver'):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(10))[-1] == 81
    with tempfile.TemporaryFile() as file: file.write(b'x')
    print(subprocess.run(['echo', 'done'], capture_output=True, text=True).stdout)
"""
NODE = """
const { Worker } = require('worker_threads'), fs = require('fs'), net = require('net');
const server = net.createServer((s) => s.end('hi')).listen('/tmp-path/node.sock', () =>
  net.connect('/tmp-path/node.sock').on('data', () => {
    fs.promises.writeFile('node.txt', 'x').then(() => fs.promises.readFile('node.txt')).then(() => {
      new Worker("require('crypto').randomBytes(8)", { eval: true }).on('exit', () => {
        console.log(require('child_process').execSync('echo done').toString()); process.exit(0); }); }); }));
"""
CURL = """
python3 -m http.server --bind 127.0.0.1 0 > port 2>&1 & server=$!
while ! grep -q port port; do read -t 0.05 < <(:) || :; done
curl -sf http://127.0.0.1:$(sed -n 's/.*port \\([0-9]*\\).*/\\1/p' port)/hello.c | grep -q main && echo done
kill $server
"""
GIT = """
git init -q repo && cd repo && echo x > file && git add file &&
git -c user.name=a -c user.email=a@b commit -qm first && cd .. && git clone -q repo copy && cat copy/file && echo done
"""
HELLO = "#include <stdio.h>\nint main(void) { puts(\"done\"); return 0; }\n"
MAKE = "hello: hello.c\n\tgcc -O2 -pipe -o $@ $<\n"
APT = """
dpkg-deb -b root hello.deb > log && mkdir -p admin/info admin/updates && touch admin/status admin/available
dpkg --admindir=admin --instdir=target --force-all -i hello.deb > log 2>&1
test -f target/hello || { cat log; exit 1; }
apt-get -o Dir::State=$PWD -o Dir::Cache=$PWD -o Dir::State::status=/var/lib/dpkg/status -s install -y bash > log &&
echo done
"""
# program: bash script that prints `done` last
PROGRAMS = {
    "bash": "x=$(cat <(echo done) | tee >(cat > /dev/null)); echo $x",
    "python3": "python3 threads.py",
    "node": "node node.js",
    "gcc": "gcc -O2 -o hello hello.c && ./hello",
    "make": "make -sj4 hello && ./hello",
    "git": GIT,
    "tar": "tar czf a.tgz hello.c && mkdir x && tar xzf a.tgz -C x && cmp hello.c x/hello.c && echo done",
    "curl": CURL,
    "strace": "strace -f -o trace /bin/echo done && grep -q execve trace",
    "gdb": "gdb -q -batch -ex 'run done' /bin/echo > gdb.log 2>&1; grep -q 'exited normally' gdb.log && echo done",
    "script": "script -qec 'tty > /dev/null && echo done' /dev/null",
    "setsid": "setsid -w sh -c 'flock lock echo done'",
}
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
MODES = {"in place": [], "own namespaces": ["--namespaces", "--keep-capability", "none"]}


class Programs(ConfineTest):
    def prepare(self, name):
        home = self.make(name)
        for file, text in {"threads.py": THREADS, "node.js": NODE.replace("/tmp-path", str(home)), "hello.c": HELLO,
                           "Makefile": MAKE}.items():
            (home / file).write_text(text)
        return home

    @for_each_user
    def test_programs(self, user):
        for mode, options in MODES.items():
            home = self.prepare(f"{user}-{mode.replace(' ', '-')}")
            environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            for name, script in PROGRAMS.items():
                with self.subTest(program=name, mode=mode):
                    if name in MISSING:
                        self.skipTest(f"{name} is not installed")
                    ran = run([*options, "--seccomp", *landlock(home, "/dev/shm")], ["bash", "-c", script], user,
                              cwd=home, env=environment)
                    self.assert_state(ran, "seccomp", ACTIVE)
                    self.assert_state(ran, "landlock", ACTIVE)
                    self.assertEqual((ran.code, ran.stdout.strip().splitlines()[-1:]), (0, ["done"]), ran)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("apt-get"), "needs root and apt")
    def test_apt(self):
        """dpkg builds and installs a package of its own, and apt resolves one of the archive (simulated)."""
        home = self.prepare("apt")
        (home / "root" / "DEBIAN").mkdir(parents=True)
        (home / "root" / "DEBIAN" / "control").write_text(
            "Package: confine-hello\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n")
        (home / "root" / "hello").write_text("x")
        (home / "target").mkdir()
        for path in ("lists/partial", "archives/partial"):
            (home / path).mkdir(parents=True)
        ran = run(["--seccomp", "--landlock-read", "/", *landlock(home)], ["bash", "-c", APT], cwd=home,
                  env={"TMPDIR": str(home)})
        self.assertEqual((ran.code, ran.stdout.strip().splitlines()[-1:]), (0, ["done"]), ran)


if __name__ == "__main__":
    unittest.main()
