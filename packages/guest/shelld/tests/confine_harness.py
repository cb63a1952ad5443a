"""Starts programs under shelld's confinement and says what the confinement reported.

The binaries are built once a run, into a directory that an unprivileged user can reach, too. Everything a test
concludes it concludes from outside: files, listeners and processes of its own.
"""
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent
SOURCES = TESTS.parent / "src"
CONFINEMENT = "confine confine_options seccomp landlock capabilities userns number id_map namespaces verify verify_own".split()
ACTIVE, FAILED, UNSUPPORTED, NOT_REQUESTED = range(4)
NOBODY = 65534
USERS = ("root", "nobody") if os.geteuid() == 0 else ("self",)
DEADLINE_S = 60
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt")


@functools.cache
def binaries():
    """Where confine_exec and syscall_probe are; removed when the run ends."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="confine-build-"))
    unittest.addModuleCleanup(lambda: (shutil.rmtree(directory), binaries.cache_clear()))
    directory.chmod(0o755)
    compiler = os.environ.get("CC") or ("musl-gcc" if shutil.which("musl-gcc") else "cc")
    flags = [*compiler.split(), "-std=c11", "-O2", "-static", "-Wall", "-Wextra", "-Werror"]
    parts = [str(SOURCES / f"{part}.c") for part in CONFINEMENT]
    subprocess.run([*flags, TESTS / "confine_exec.c", *parts, "-o", directory / "confine_exec"], check=True)
    subprocess.run([*flags, TESTS / "syscall_probe.c", "-o", directory / "syscall_probe"], check=True)
    return directory


def as_user(user):
    """The front of a command that makes the rest run as this user."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if user == "nobody" else []


def landlock(*writable):
    """A usual rule set: the system to read, `writable` to change."""
    options = []
    for path in (*SYSTEM, "/proc", binaries()):
        options += ["--landlock-read", str(path)]
    for path in ("/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/urandom", *writable):
        options += ["--landlock-write", str(path)]
    return options


def start(options, command, user="self", **more):
    """Popen of a confined command."""
    line = [*as_user(user), str(binaries() / "confine_exec"), *map(str, options), "--", *map(str, command)]
    return subprocess.Popen(line, **{"stdin": subprocess.DEVNULL, **more})


class Ran:
    """How a confined command ended, and the layers: name → (state, detail)."""

    def __init__(self, code, stdout, stderr, report):
        self.code, self.stdout, self.stderr = code, stdout, stderr
        first, *rows = report.splitlines() or ["0"]
        self.took_us = float(first)
        self.layers = {name: (int(state), detail) for name, state, detail in (row.split(" ", 2) for row in rows)}

    def __repr__(self):
        return f"exit {self.code}\n{self.stdout}\n{self.stderr}\n{self.layers}"


def run(options, command, user="self", **more):
    """Runs a confined command to its end."""
    with tempfile.TemporaryFile("w+") as report:
        environment = {**os.environ, "CONFINE_REPORT_FD": str(report.fileno()), **more.pop("env", {})}
        process = start(options, command, user, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                        env=environment, pass_fds=[report.fileno()], **more)
        try:
            stdout, stderr = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
            process.wait()
        report.seek(0)
        return Ran(process.returncode, stdout, stderr, report.read())


def for_each_user(test):
    """Runs a test(self, user) once for each user we can be: root and nobody, or just ourselves."""

    @functools.wraps(test)
    def loop(self):
        for user in USERS:
            with self.subTest(user=user):
                test(self, user)

    return loop


class ConfineTest(unittest.TestCase):
    """A fresh directory everyone may write to, and states by name."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="confine-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.directory.chmod(0o777)

    def make(self, name):
        path = self.directory / name
        path.mkdir()
        path.chmod(0o777)
        return path

    def assert_state(self, ran, layer, state):
        self.assertEqual(ran.layers.get(layer, (None,))[0], state, f"{layer} in {ran!r}")
