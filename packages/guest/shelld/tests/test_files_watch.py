"""file.watch: every kind of change, overflow, and the end of what is watched."""
import errno
import os
import struct
import unittest

from channel_client import ATTRIBUTES, CREATED, GONE, MODIFIED, OVERFLOW, READ, REMOVED, RENAMED_FROM, RENAMED_TO, text
from files_world import FilesTest


class Watch(FilesTest):
    def until(self, channel, wanted):
        """Reads changes until this one comes; returns all of them."""
        changes = [self.client.change(channel)]
        while changes[-1] != wanted:
            self.assertIsNotNone(changes[-1])
            changes.append(self.client.change(channel))
        return changes

    def test_directory(self):
        channel = self.client.watch(self.jail)
        self.put(self.path("a"), b"1")
        self.assertEqual(self.until(channel, (MODIFIED, b"a"))[0], (CREATED, b"a"))
        os.chmod(self.path("a"), 0o600)
        self.until(channel, (ATTRIBUTES, b"a"))
        os.rename(self.path("a"), self.path("b"))
        self.assertEqual(self.until(channel, (RENAMED_TO, b"b"))[-2:], [(RENAMED_FROM, b"a"), (RENAMED_TO, b"b")])
        os.unlink(self.path("b"))
        self.until(channel, (REMOVED, b"b"))
        self.assertEqual(self.client.cancel(channel)[1], 0)
        self.put(self.path("c"), b"")
        self.client.ping()
        self.assertEqual(self.client.kept, [])

    def test_two_channels_and_a_file(self):
        self.put(self.path("file"), b"")
        first, second = self.client.watch(self.path("file")), self.client.watch(self.path("file"))
        self.put(self.path("file"), b"x")
        self.until(first, (MODIFIED, b""))
        self.until(second, (MODIFIED, b""))
        self.client.cancel(first)
        os.chmod(self.path("file"), 0o600)
        self.until(second, (ATTRIBUTES, b""))
        os.unlink(self.path("file"))
        self.until(second, (GONE, b""))
        self.assertIsNone(self.client.change(second))

    def test_gone(self):
        for end in (lambda path: os.rmdir(path), lambda path: os.rename(path, self.path("elsewhere"))):
            os.mkdir(self.path("d"))
            channel = self.client.watch(self.path("d"))
            end(self.path("d"))
            self.until(channel, (GONE, b""))
            self.assertIsNone(self.client.change(channel))

    def test_overflow_when_nobody_reads(self):
        os.mkdir(self.path("d"))
        channel = self.client.watch(self.path("d"))
        self.put(self.path("big"), b"x" * 32 * 1024 * 1024)
        reading = self.client.open(READ, text(self.path("big")) + struct.pack("<QQI", 0, 0, 1 << 30))
        for index in range(5000):
            os.mkdir(self.path(f"d/{index:05}" + "n" * 100))
        changes = []
        while (OVERFLOW, b"") not in changes:
            changes.append(self.client.change(channel))
        self.assertLess(len(changes), 5000)
        os.mkdir(self.path("d/after"))
        self.until(channel, (CREATED, b"after"))
        self.client.cancel(channel)
        self.assertEqual(self.client.finish(reading)[1], 32 * 1024 * 1024)

    def test_watch_escapes(self):
        os.symlink(self.outside, self.path("link"))
        for path in (self.path("link"), self.outside, self.path("../outside"), "/proc/self/cwd"):
            with self.refused(errno.EACCES, errno.ELOOP):
                self.client.watch(path)


if __name__ == "__main__":
    unittest.main()
