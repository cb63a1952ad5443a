"""Ways out of the jail and malformed requests, against every operation."""
import contextlib
import errno
import os
import struct
import unittest

from channel_client import (
    APPEND, DIRECTORY, EXCLUSIVE, LIST, PARENTS, READ, STAT, WATCH, WRITE, Shelld, hide_openat2, text,
)
from files_world import FilesTest


class Escapes(FilesTest):
    """Every operation against every way out; FilesTest.tearDown looks at what is outside."""

    walks = False  # No link and no ".." is followed.

    def test_every_operation(self):
        os.symlink(self.outside, self.path("absolute"))
        os.symlink("../outside", self.path("relative"))
        os.symlink("/proc/self/root" + self.outside, self.path("magic"))
        self.put(self.path("mine"), b"mine")
        links = [self.path("absolute"), self.path("relative"), self.path("magic")]
        names = [self.path("../outside"), self.outside, self.jail + "/./..//outside", self.jail + "side/../outside"]
        for way in links + names:
            file = way + "/secret"
            attempts = [
                lambda: self.client.read(file),
                lambda: self.client.write(file, b"changed"),
                lambda: self.client.write(file, b"changed", flags=APPEND),
                lambda: self.client.write(way + "/new", b"new", flags=EXCLUSIVE),
                lambda: self.client.write(way + "/x/new", b"new", flags=PARENTS),
                lambda: self.client.stat(file),
                lambda: self.client.list(way),
                lambda: self.client.make_directory(way + "/new"),
                lambda: self.client.make_directory(way + "/x/new", flags=PARENTS),
                lambda: self.client.rename(self.path("mine"), way + "/new"),
                lambda: self.client.rename(file, self.path("stolen")),
                lambda: self.client.remove(file),
                lambda: self.client.remove(file, PARENTS),
                lambda: self.client.watch(way),
            ]
            for attempt in attempts:
                with self.refused(errno.EACCES, errno.ELOOP):
                    attempt()
        self.assertEqual(self.get(self.path("mine")), b"mine")

    def test_a_link_in_the_last_place_is_replaced(self):
        os.symlink(self.outside + "/secret", self.path("link"))
        self.client.write(self.path("link"), b"mine")
        self.assertFalse(os.path.islink(self.path("link")))
        self.assertEqual(self.get(self.path("link")), b"mine")

    def test_twin_inside(self):
        os.mkdir(self.path("d"))
        os.symlink("d", self.path("link"))
        self.client.write(self.path("d/file"), b"x")
        self.assertEqual(self.get(self.path("d/file")), b"x")
        with self.refused(errno.ELOOP, errno.EACCES) if self.walks else contextlib.nullcontext():
            self.client.write(self.path("link/../d/file"), b"y")
            self.assertEqual(self.get(self.path("d/file")), b"y")
        with self.refused(errno.ELOOP) if self.walks else contextlib.nullcontext():
            self.assertEqual(self.client.read(self.path("link/file"))[1], b"y")

    def test_no_root_no_file(self):
        shelld = self.start_shelld([])
        client = shelld.connect()
        for path in ("/", "/etc/passwd", self.jail):
            with self.refused(errno.EACCES):
                client.stat(path)
        client.close()
        shelld.stop()

    def test_root_of_everything(self):
        shelld = self.start_shelld(["/"])
        client = shelld.connect()
        os.symlink(self.path("file"), self.path("absolute"))
        client.write(self.path("file"), b"x")
        self.assertEqual(client.stat("/").kind, DIRECTORY)
        with self.refused(errno.ELOOP) if self.walks else contextlib.nullcontext():
            self.assertEqual(client.read(self.path("absolute"))[1], b"x")
        for path in ("/proc/self/root/etc/passwd", "/proc/self/exe", "/proc/self/fd/0", f"/proc/{os.getpid()}/cwd/x"):
            with self.refused(errno.ELOOP):
                client.read(path)
        self.assertGreater(len(client.read(f"/proc/{shelld.process.pid}/status")[1]), 100)
        client.close()
        shelld.stop()

    def test_paths_that_are_none(self):
        for path, expected in (("", errno.ENOENT), ("relative", errno.EINVAL), ("/" + "x" * 5000, errno.ENAMETOOLONG),
                               (self.path("x" * 300), errno.ENAMETOOLONG)):
            with self.refused(expected):
                self.client.stat(path)
            with self.refused(expected):
                self.client.write(path, b"")

    def test_malformed_requests_end_the_connection_only(self):
        for type, payload in ((READ, b"\x05"), (READ, text("/") + struct.pack("<QQI", 1 << 60, 0, 0)),
                              (STAT, text("/a\0b") + b"\0" * 4), (LIST, b"\xff" * 4), (WRITE, b""), (WATCH, b"")):
            other = self.shelld.connect()
            other.open(type, payload)
            with self.assertRaises(ConnectionError):
                other.take()
            other.close()
            self.client.ping()


class EscapesWithoutOpenat2(Escapes):
    """The same behind a seccomp filter that does not know openat2, as those of older container engines."""

    walks = True

    @classmethod
    def start_shelld(cls, roots):
        return Shelld(roots, preexec_fn=hide_openat2)

    def test_it_is_hidden(self):
        os.mkdir(self.path("d"))
        os.symlink("d", self.path("link"))
        with self.refused(errno.ELOOP):
            self.client.list(self.path("link"))
        self.assertEqual(self.client.list(self.path("d")), ([], 0))


if __name__ == "__main__":
    unittest.main()
