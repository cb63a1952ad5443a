"""What shelld does for container engines: mounts that are checked, layers judged from inside, the relay."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "build/shelld"
DEADLINE_S = 20


class Engine(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)

    def serve(self, *options, **more):
        return subprocess.run(
            [BINARY, "serve", *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            timeout=DEADLINE_S, **more)

    def checks(self, *lines):
        path = self.directory / "mounts"
        path.write_text("".join(f"{line}\n" for line in lines))
        return ["--listen-private", str(self.directory / "own" / "s"), "--accept-timeout-ms", "1", "--check-mounts", str(path)]

    def line(self, path):
        status = os.stat(path)
        return f"{status.st_dev} {status.st_ino} {path}"

    def test_mounts_that_hold(self):
        done = self.serve(*self.checks(self.line("/"), self.line(self.directory)))
        self.assertIn(b"nobody has connected", done.stderr)

    def test_another_file(self):
        (self.directory / "a").mkdir()
        line = self.line(self.directory / "a")
        (self.directory / "a").rename(self.directory / "b")
        os.symlink("/", self.directory / "a")
        done = self.serve(*self.checks(self.line("/"), line))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"another file", done.stderr)
        self.assertFalse((self.directory / "own").exists())

    def test_lists_that_are_none(self):
        for text in ["x\n", "1 2 relative\n", "1 2\n", "1 2 /", f"1 2 /{'x' * 5000}\n", "-1 2 /\n"]:
            options = self.checks()
            (self.directory / "mounts").write_text(text)
            done = self.serve(*options)
            self.assertEqual((done.returncode, b"nobody" in done.stderr), (1, False), text)
        self.assertEqual(self.serve(*self.checks()[:-1], str(self.directory / "none")).returncode, 1)

    def test_namespaces_of_the_host_are_not_ones_own(self):
        own = [word for kind in ("mnt", "pid", "net", "uts", "ipc") for word in ("--expect-own", kind)]
        done = self.serve("--stdio", *own, "--require", "pid-namespace", "--require", "net-namespace")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"pid-namespace is not active", done.stderr)
        self.assertEqual(self.serve("--stdio", "--expect-own", "bogus").returncode, 2)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_namespaces_of_ones_own(self):
        own = [word for kind in ("pid", "net", "uts", "ipc") for word in ("--expect-own", kind)]
        required = [word for kind in ("pid", "net", "uts", "ipc") for word in ("--require", f"{kind}-namespace")]
        done = subprocess.run(
            ["unshare", "--pid", "--net", "--uts", "--ipc", "--mount", "--fork", "--mount-proc", BINARY, "serve", "--stdio", *own, *required],
            input=b"", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_peer_may_own_the_directory(self):
        shared = self.directory / "shared"
        shared.mkdir(mode=0o700)
        os.chown(shared, 4321, 4321)
        path = str(shared / "s")
        self.assertIn(b"somebody else", self.serve("--listen", path, "--accept-timeout-ms", "1").stderr)
        server = subprocess.Popen([BINARY, "serve", "--listen", path, "--peer-uid", "4321"], stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (server.kill(), server.wait()))
        wait_for(path)
        self.assertEqual((os.stat(path).st_uid, os.stat(path).st_mode & 0o777), (4321, 0o600))


class Relay(unittest.TestCase):
    def test_bytes_both_ways_until_an_end(self):
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "s")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        content = os.urandom(5_000_000)
        echoed = []

        def echo():
            peer, _ = server.accept()
            with peer:
                received = b""
                while len(received) < len(content):
                    received += peer.recv(1 << 16)
                echoed.append(received)
                peer.sendall(received)

        thread = threading.Thread(target=echo)
        thread.start()
        relay = subprocess.Popen([BINARY, "relay", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        relay.stdin.write(content)
        relay.stdin.flush()
        self.assertEqual(relay.stdout.read(), content)
        self.assertEqual(relay.wait(DEADLINE_S), 0)
        thread.join(DEADLINE_S)
        relay.stdin.close()
        relay.stdout.close()
        server.close()
        self.assertEqual(echoed, [content])

    def test_no_socket(self):
        done = subprocess.run([BINARY, "relay", "/not/there"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"/not/there", done.stderr)
        self.assertEqual(subprocess.run([BINARY, "relay"], stderr=subprocess.DEVNULL).returncode, 2)


def wait_for(path):
    deadline = time.monotonic() + DEADLINE_S
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        time.sleep(0.005)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
