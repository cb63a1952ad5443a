"""Where file tests take place. The verdict is what stands on the disk, seen from outside of shelld."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from channel_client import DEADLINE_S, Refused, Shelld

IS_ROOT = os.geteuid() == 0
NEEDS_ROOT = "mounting needs root"
CONTENT = os.urandom(5 * 1024 * 1024 + 17)


class FilesTest(unittest.TestCase):
    """A world of two directories: root is the jail, outside is not, and nothing in outside may ever change."""

    @classmethod
    def setUpClass(cls):
        cls.base = os.path.realpath(tempfile.mkdtemp(prefix="shelld-files-"))
        cls.jail, cls.outside = cls.base + "/root", cls.base + "/outside"
        os.mkdir(cls.jail)
        cls.shelld = cls.start_shelld([cls.jail])
        cls.idle = cls.count_idle_descriptors()

    @classmethod
    def start_shelld(cls, roots):
        return Shelld(roots)

    @classmethod
    def count_idle_descriptors(cls):
        """Descriptors of shelld with one connection, once inotify has been used, which stays."""
        client = cls.shelld.connect()
        client.cancel(client.watch(cls.jail))
        client.ping()
        count = cls.shelld.descriptors()
        client.close()
        return count

    @classmethod
    def tearDownClass(cls):
        cls.shelld.stop()
        shutil.rmtree(cls.base)

    def setUp(self):
        os.mkdir(self.outside)
        self.put(self.outside + "/secret", b"secret")
        self.client = self.shelld.connect()

    def tearDown(self):
        # Connections that the test closed are noticed by and by.
        deadline = time.monotonic() + DEADLINE_S
        while self.shelld.descriptors() > self.idle and time.monotonic() < deadline:
            self.client.ping()
        self.assertLessEqual(self.shelld.descriptors(), self.idle, "descriptors are left open")
        self.client.close()
        self.assertEqual(os.listdir(self.outside), ["secret"])
        self.assertEqual(self.get(self.outside + "/secret"), b"secret")
        for directory in (self.jail, self.outside):
            for entry in os.scandir(directory):
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        os.rmdir(self.outside)

    def path(self, name):
        return os.path.join(self.jail, name)

    @staticmethod
    def put(path, content):
        pathlib.Path(os.fsdecode(path)).write_bytes(content)

    @staticmethod
    def get(path):
        return pathlib.Path(os.fsdecode(path)).read_bytes()

    @contextlib.contextmanager
    def refused(self, *expected):
        with self.assertRaises(Refused) as caught:
            yield caught
        self.assertIn(caught.exception.errno, expected, str(caught.exception))

    def nothing_is_left(self):
        for directory, _, files in os.walk(self.base):
            self.assertEqual([name for name in files if name.startswith(".sovereign-")], [], directory)

    @contextlib.contextmanager
    def mounted(self, *options):
        subprocess.run(["mount", *options], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", options[-1]], check=True)
