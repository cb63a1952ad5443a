"""What the tests stand on: a directory of their own that must be clean at the end, and processes
with fewer rights."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PYTHON_DIRECTORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOBODY = 65534
#: Fixed, so that a failure repeats. APTS_TEST_SEED=<n> tries another.
SEED = int(os.environ.get("APTS_TEST_SEED", "20240817"))


class WorkspaceTest(unittest.TestCase):
    """A test with an empty directory ``self.root`` as working directory; no temporary file may be
    left in it."""

    def setUp(self):
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="apts-test-"))
        os.chmod(self.root, 0o755)
        before = os.getcwd()
        os.chdir(self.root)
        self.random = random.Random(SEED)
        descriptors = open_descriptors()

        def clean():
            os.chdir(before)
            left = temporary_files(self.root)
            shutil.rmtree(self.root)
            self.assertEqual(left, [], "temporary files left behind")
            self.assertEqual(open_descriptors(), descriptors, "file descriptors left open")

        self.addCleanup(clean)

    def make(self, path, content=b""):
        """Writes a file without the code under test, with its directories."""
        os.makedirs(os.path.dirname(os.path.join(self.root, path)), exist_ok=True)
        with open(os.path.join(self.root, path), "wb") as file:
            file.write(content)
        return path

    def content(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return file.read()

    def assert_ok(self, answer):
        json.loads(json.dumps(answer, allow_nan=False))
        self.assertIs(answer["ok"], True, answer)
        return answer

    def assert_fails(self, answer, code, *parts):
        """Checks the whole shape of a failure, its code, and that its message has the ``parts``."""
        self.assertEqual(json.loads(json.dumps(answer)), answer)
        self.assertEqual(set(answer), {"ok", "error"}, answer)
        self.assertIs(answer["ok"], False)
        error = answer["error"]
        self.assertEqual(set(error), {"code", "message", "hint", "context"})
        self.assertEqual(error["code"], code, error)
        self.assertRegex(
            error["message"], r"(?s)^[^:]+: .+ \(expected .+\)\.$|^[^:]+: .+\(expected .+\)\.$"
        )
        self.assertTrue(error["hint"].endswith("."), error)
        for part in parts:
            self.assertIn(part, error["message"])
        return error


def temporary_files(root):
    found = []
    for directory, _, names in os.walk(root):
        found += [os.path.join(directory, name) for name in names if name.startswith(".apts-")]
    return found


def open_descriptors():
    return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []


def in_child(action, *, as_nobody=False):
    """Runs ``action`` in a forked process, as the user nobody when this one is root, and returns
    its JSON value."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            if as_nobody and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with os.fdopen(writing, "w") as pipe:
                json.dump(action(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise AssertionError("the child ended with status %d" % status)
    return json.loads(text)


class TemporaryMount:
    """A small tmpfs at ``path`` for the time of a ``with``; skips the test, with the reason, where
    mount is denied."""

    def __init__(self, test, path, options):
        self.test, self.path, self.options = test, path, options

    def __enter__(self):
        if sys.platform != "linux" or os.geteuid() != 0:
            self.test.skipTest("needs root on Linux to mount a tmpfs")
        os.makedirs(self.path, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", self.path],
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        if done.returncode != 0:
            self.test.skipTest("mount is denied: " + done.stderr.strip())
        return self

    def remount(self, options):
        subprocess.run(["mount", "-o", "remount," + options, self.path], check=True)

    def __exit__(self, *_):
        subprocess.run(["umount", self.path], check=True)


class Deadline:
    """Fails with an alarm when the body of a ``with`` takes longer: for calls that could wait for
    ever."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        def expire(*_):
            raise AssertionError("still waiting after %d s" % self.seconds)

        self.before = signal.signal(signal.SIGALRM, expire)
        signal.alarm(self.seconds)

    def __exit__(self, *_):
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self.before)


def run_python(*arguments, input=b"", cwd=None, environment=None, python=sys.executable):
    """Runs the interpreter with a bare environment and PYTHONPATH set to this package unless told
    otherwise."""
    if environment is None:
        environment = {"PYTHONPATH": PYTHON_DIRECTORY, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, *arguments],
        input=input,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
    )
