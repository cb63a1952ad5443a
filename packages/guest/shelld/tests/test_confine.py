"""Each layer of the confinement: what it refuses, its allowed twin, and what it reports."""
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import unittest

from confine_harness import (
    ACTIVE, DEADLINE_S, FAILED, NOBODY, NOT_REQUESTED, ConfineTest, binaries, for_each_user, landlock, run, start,
)

as_root = unittest.skipUnless(os.geteuid() == 0, "needs root")
NAMESPACES = [f"{kind}-namespace" for kind in "mount pid net user ipc uts cgroup".split()]
PYTHON = "/usr/bin/python3"


def expect_host(*kinds):
    """Options that name our namespaces as the host's."""
    inodes = [f"{kind}:{os.stat(f'/proc/self/ns/{kind}').st_ino}" for kind in kinds]
    return [word for inode in inodes for word in ("--expect-namespace", inode)]


def readable(file, deadline_s=DEADLINE_S):
    """Whether there is something (of a pidfd: the end of the process) before the deadline."""
    return bool(select.select([file], [], [], deadline_s)[0])


class Landlock(ConfineTest):
    @for_each_user
    def test_writes(self, user):
        inside, outside = self.make(f"{user}-in"), self.make(f"{user}-out")
        script = f"echo x > {outside}/file; mkdir {outside}/made; echo x > {inside}/file"
        ran = run(landlock(inside), ["sh", "-c", script], user)
        self.assert_state(ran, "landlock", ACTIVE)
        self.assertRegex(ran.layers["landlock"][1], r"^ABI \d+, \d+ paths read, \d+ write, \d+ absent")
        self.assertEqual(os.listdir(outside), [])
        self.assertEqual((inside / "file").read_text(), "x\n")

    @for_each_user
    def test_reads(self, user):
        (self.directory / "secret").write_text("hunter2")
        self.assertNotIn("hunter2", run(landlock(), ["cat", self.directory / "secret"], user).stdout)
        self.assertIn("hunter2", run(landlock(self.directory), ["cat", self.directory / "secret"], user).stdout)

    @as_root
    def test_landlock_device_node(self):
        inside = self.make("in")
        run(landlock(inside), ["sh", "-c", f"mknod {inside}/disk b 1 0; mkfifo {inside}/pipe"])
        self.assertEqual(os.listdir(inside), ["pipe"])
        run([], ["mknod", inside / "disk", "b", "1", "0"])
        self.assertIn("disk", os.listdir(inside))

    def test_landlock_unusable_path(self):
        ran = run(["--landlock-read", "/etc/passwd/x", "--require", "landlock"], ["touch", self.directory / "ran"])
        self.assert_state(ran, "landlock", FAILED)
        self.assertIn("required layer landlock is not active", ran.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_everything_readable_is_still_probed(self):
        self.assert_state(run(["--landlock-read", "/"], ["true"]), "landlock", ACTIVE)

    @for_each_user
    def test_signals_and_abstract_sockets(self, user):
        """Landlock's scopes (ABI 6) end at the border of the domain."""
        with socket.socket(socket.AF_UNIX) as listener:
            name = f"confine-{os.getpid()}-{user}"
            listener.bind(f"\0{name}")
            listener.listen()
            listener.setblocking(False)
            connect = [PYTHON, "-c", f"import socket; socket.socket(socket.AF_UNIX).connect('\\0{name}')"]
            run(landlock(), connect, user)
            self.assertRaises(BlockingIOError, listener.accept)
            run([], connect, user)
            listener.accept()[0].close()
        bystander = start([], ["sleep", "1000"], user)
        try:
            self.assertNotEqual(run(landlock(), ["sh", "-c", f"kill -9 {bystander.pid}"], user).code, 0)
            self.assertIsNone(bystander.poll())
            run([], ["sh", "-c", f"kill -9 {bystander.pid}"], user)
            self.assertEqual(bystander.wait(DEADLINE_S), -signal.SIGKILL)
        finally:
            bystander.kill()
            bystander.wait()


class Network(ConfineTest):
    @for_each_user
    def test_tcp(self, user):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            connect = [PYTHON, "-c", f"import socket; socket.create_connection({listener.getsockname()!r}, 2)"]
            for options in (["--deny-network"], ["--deny-network", *landlock()], ["--namespaces"]):
                self.assertNotEqual(run(options, connect, user).code, 0)
                self.assertRaises(BlockingIOError, listener.accept)
            self.assertEqual(run(["--seccomp", *landlock()], connect, user).code, 0)
            listener.accept()[0].close()

    def test_socket_that_was_handed_in(self):
        """The filter only sees sockets being made; Landlock holds for those that came from elsewhere."""
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as handed:
            listener.setblocking(False)
            connect = [PYTHON, "-c", f"import socket; socket.socket(fileno=0).connect({listener.getsockname()!r})"]
            run(["--deny-network", *landlock()], connect, stdin=handed)
            self.assertRaises(BlockingIOError, listener.accept)
            run(["--deny-network"], connect, stdin=handed)
            listener.accept()[0].close()

    @for_each_user
    def test_loopback_of_its_own(self, user):
        talk = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 2)"
        self.assertEqual(run(["--namespaces", "--seccomp"], [PYTHON, "-c", talk], user).code, 0)

    @for_each_user
    def test_masked_socket(self, user):
        masked = self.make(f"{user}-masked")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(masked / "docker.sock"))
            (masked / "docker.sock").chmod(0o777)
            listener.listen()
            listener.setblocking(False)
            connect = [PYTHON, "-c", f"import socket; socket.socket(socket.AF_UNIX).connect('{masked}/docker.sock')"]
            for path in (masked, masked / "docker.sock"):
                ran = run(["--namespaces", "--mask", path], connect, user)
                self.assert_state(ran, "mount-namespace", ACTIVE)
                self.assertRaises(BlockingIOError, listener.accept)
            run(["--namespaces"], connect, user)
            listener.accept()[0].close()

    @for_each_user
    def test_run_is_masked(self, user):
        self.assertEqual(run(["--namespaces"], ["ls", "/run"], user).stdout, "")
        self.assertNotEqual(run([], ["ls", "/run"], user).stdout, "")


class Namespaces(ConfineTest):
    @for_each_user
    def test_all_active(self, user):
        ran = run(["--namespaces"], ["sh", "-c", "echo $$"], user)
        for layer in NAMESPACES:
            self.assert_state(ran, layer, ACTIVE)
        self.assertEqual(ran.stdout, "1\n")
        self.assertIn("own /proc", ran.layers["pid-namespace"][1])

    def test_expected(self):
        expect = expect_host("net", "mnt")
        same = run(expect, ["true"])
        self.assert_state(same, "net-namespace", FAILED)
        self.assert_state(same, "pid-namespace", NOT_REQUESTED)
        other = run([*expect, "--namespaces", "--require", "net-namespace"], ["true"])
        self.assert_state(other, "net-namespace", ACTIVE)
        self.assertNotEqual(run([*expect, "--require", "net-namespace"], ["true"]).code, 0)

    def test_exit_code(self):
        self.assertEqual(run(["--namespaces"], ["sh", "-c", "exit 7"]).code, 7)
        crash = "import resource, ctypes; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); ctypes.string_at(0)"
        self.assertEqual(run(["--namespaces"], [PYTHON, "-c", crash]).code, 128 + signal.SIGSEGV)

    def start_sleeping(self, script, user="self"):
        """The waiting process, and a descriptor of PID 1, which said `up`."""
        process = start(["--namespaces"], ["sh", "-c", script], user, stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"up\n")
        (init,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        init_fd = os.pidfd_open(int(init))
        self.addCleanup(os.close, init_fd)
        self.addCleanup(lambda: readable(init_fd, 0) or signal.pidfd_send_signal(init_fd, signal.SIGKILL))
        return process, init_fd

    @for_each_user
    def test_pid1_dies_with_waiter(self, user):
        process, init_fd = self.start_sleeping("echo up; exec sleep 1000", user)
        process.kill()
        self.assertTrue(readable(init_fd))

    @for_each_user
    def test_waiter_dies_with_pid1(self, user):
        process, init_fd = self.start_sleeping("echo up; exec sleep 1000", user)
        signal.pidfd_send_signal(init_fd, signal.SIGKILL)
        self.assertEqual(process.wait(DEADLINE_S), 128 + signal.SIGKILL)

    def test_waiter_holds_no_stream(self):
        process, init_fd = self.start_sleeping("echo up; exec sleep 1000 >&-")
        self.assertTrue(readable(process.stdout), "the end of the stream did not come")
        self.assertEqual(process.stdout.read(), b"")
        self.assertFalse(readable(init_fd, 0))

    @unittest.skipUnless(shutil.which("bwrap"), "needs bubblewrap")
    def test_namespaces_of_a_launcher(self):
        expect = expect_host("net", "mnt", "pid")
        inner = [binaries() / "confine_exec", *expect, "--require", "net-namespace", "--require", "mount-namespace"]
        bwrap = ["bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-net"]
        self.assertEqual(run([], [*bwrap, *inner, "--", "true"]).code, 0)
        self.assertEqual(run([], [*bwrap, *inner, "--require", "pid-namespace", "--", "true"]).code, 65)

    @as_root
    def test_uid_range(self):
        inside = self.make("in")
        ran = run(["--namespaces", "--uid-map", "0:1065536:65536"], ["sh", "-c", f"id -u; touch {inside}/file"])
        self.assertEqual(ran.stdout, "0\n")
        self.assertEqual(ran.layers["uid"], (ACTIVE, "uid 0 → host 1065536"))
        self.assertEqual(((inside / "file").stat().st_uid, (inside / "file").stat().st_gid), (1065536, 1065536))

    @as_root
    def test_uid_of_one_owns_nobody_elses(self):
        theirs = self.make("theirs")
        os.chown(theirs, NOBODY, NOBODY)
        theirs.chmod(0o700)
        run(["--namespaces"], ["touch", theirs / "file"])
        self.assertEqual(os.listdir(theirs), [])
        run(["--namespaces", "--uid-map", "identity"], ["touch", theirs / "file"])
        self.assertEqual(os.listdir(theirs), ["file"])


class Privileges(ConfineTest):
    @as_root
    def test_capabilities_after_exec(self):
        file = self.directory / "file"
        file.touch()
        ran = run(["--keep-capability", "none"], ["chown", str(NOBODY), file])
        self.assert_state(ran, "capabilities", ACTIVE)
        self.assertEqual(file.stat().st_uid, 0)
        ran = run(["--keep-capability", "CAP_CHOWN"], ["chown", str(NOBODY), file])
        self.assertEqual(ran.layers["capabilities"], (ACTIVE, "effective 1, bounding 1: CHOWN"))
        self.assertEqual(file.stat().st_uid, NOBODY)
        self.assert_state(run([], ["true"]), "capabilities", NOT_REQUESTED)

    def test_no_new_privs_is_always_on(self):
        self.assert_state(run([], ["true"]), "no-new-privs", ACTIVE)

    @as_root
    def test_set_uid_program_gains_nothing(self):
        self.directory.chmod(0o755)
        program = self.directory / "id"
        program.write_bytes(pathlib.Path("/usr/bin/id").read_bytes())
        program.chmod(0o4755)
        twin = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", program, "-u"], capture_output=True)
        self.assertEqual(twin.stdout, b"0\n")
        self.assertEqual(run([], [program, "-u"], "nobody").stdout, f"{NOBODY}\n")

    @for_each_user
    def test_uid(self, user):
        self.assert_state(run([], ["true"], user), "uid", NOT_REQUESTED if user == "root" else ACTIVE)


class Options(ConfineTest):
    def test_bad_values(self):
        for options in (["--expect-namespace", "net"], ["--expect-namespace", "nut:1"],
                        ["--expect-namespace", "net:-1"], ["--keep-capability", "CHOWN"], ["--uid-map", "0:1"],
                        ["--uid-map", "1:2:0"], ["--mask", "run"], ["--landlock-read", ""],
                        ["--require", "colour", "--seccomp"]):
            ran = run(options, ["touch", self.directory / "ran"])
            self.assertIn(ran.code, (64, 65), options)
            self.assertIn(options[1] if options[1] else options[0], ran.stderr)
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main()
