"""file.stat, file.list, file.makeDirectory, file.rename, and names in any bytes."""
import errno
import os
import stat
import unittest

from channel_client import DIRECTORY, EXCLUSIVE, FILE, LINK, NO_FOLLOW, OTHER, PARENTS
from files_world import FilesTest


class Names(FilesTest):
    def test_stat(self):
        self.put(self.path("file"), b"12345")
        os.utime(self.path("file"), ns=(0, 1_700_000_000_123_000_000))
        os.symlink("file", self.path("link"))
        info = self.client.stat(self.path("file"))
        self.assertEqual((info.kind, info.size, info.modified_ms, info.links), (FILE, 5, 1_700_000_000_123, 1))
        self.assertEqual(self.client.stat(self.path("link")).kind, FILE)
        info = self.client.stat(self.path("link"), NO_FOLLOW)
        self.assertEqual((info.kind, info.name, info.target), (LINK, b"link", b"file"))
        self.assertEqual(self.client.stat(self.jail).kind, DIRECTORY)
        with self.refused(errno.ENOENT) as caught:
            self.client.stat(self.path("missing"))
        self.assertEqual(caught.exception.operation, "file.stat")
        self.assertEqual(caught.exception.subject, os.fsencode(self.path("missing")))
        os.truncate(self.path("file"), 1 << 43)
        self.assertEqual(self.client.stat(self.path("file")).size, 1 << 43)

    def test_list_in_pages(self):
        names = sorted(b"%x" % (index * 7919) for index in range(1000))
        for name in names:
            self.put(os.fsencode(self.jail) + b"/" + name, name)
        infos, total = self.client.list(self.jail)
        self.assertEqual(([info.name for info in infos], total), (names, 1000))
        self.assertEqual([info.size for info in infos], [len(name) for name in names])
        paged = []
        for offset in range(0, 1000, 300):
            infos, total = self.client.list(self.jail, offset, 300)
            self.assertEqual(total, 1000)
            paged += [info.name for info in infos]
        self.assertEqual(paged, names)
        self.assertEqual(self.client.list(self.jail, 1000), ([], 1000))
        self.assertEqual(self.client.list(self.jail, 4_000_000_000), ([], 1000))
        self.assertEqual(self.client.list(self.jail, 0, 0), ([], 1000))
        self.assertEqual(len(self.client.list(self.jail, 0, 4_000_000_000)[0]), 1000)

    def test_list_is_bounded(self):
        for index in range(10_050):
            os.close(os.open(self.path("%d" % index), os.O_CREAT | os.O_WRONLY))
        infos, total = self.client.list(self.jail, 0, 4_000_000_000)
        self.assertEqual((len(infos), total), (10_000, 10_050))
        self.assertEqual(len(self.client.list(self.jail, 10_000)[0]), 50)

    def test_list_what_is_listed(self):
        os.symlink("x" * 4000, self.path("link"))
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("directory"))
        infos, _ = self.client.list(self.jail)
        self.assertEqual([info.kind for info in infos], [DIRECTORY, OTHER, LINK])
        self.assertEqual(infos[2].target, b"x" * 4000)
        for index in range(300):
            os.symlink("y" * 4000, self.path(f"link{index}"))
        self.assertEqual(self.client.list(self.jail)[1], 303)
        with self.refused(errno.ENOTDIR):
            self.client.list(self.path("fifo"))

    def test_names_in_any_bytes(self):
        names = [os.fsencode("grüße 世界 🐚"), b"\xff\xfe not utf-8 \x80", b"line\nbreak", b"-rf", b"\x01\x1b[31m"]
        names.sort()
        for name in names:
            self.client.write(os.fsencode(self.jail) + b"/" + name, name)
        self.assertEqual(sorted(os.listdir(os.fsencode(self.jail))), names)
        infos, _ = self.client.list(self.jail)
        self.assertEqual([info.name for info in infos], names)
        for name in names:
            self.assertEqual(self.client.read(os.fsencode(self.jail) + b"/" + name)[1], name)

    def test_make_directory(self):
        self.client.make_directory(self.path("a"))
        self.client.make_directory(self.path("b"), mode=0o1777)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a")).st_mode), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("b")).st_mode), 0o1777)
        with self.refused(errno.EEXIST):
            self.client.make_directory(self.path("a"))
        with self.refused(errno.EEXIST):
            self.client.make_directory(self.jail)
        self.client.make_directory(self.path("a"), flags=PARENTS)
        self.client.make_directory(self.jail, flags=PARENTS)
        self.client.make_directory(self.path("c/d/e/"), mode=0o700, flags=PARENTS)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("c/d")).st_mode), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("c/d/e")).st_mode), 0o700)
        self.put(self.path("file"), b"")
        with self.refused(errno.EEXIST):
            self.client.make_directory(self.path("file"), flags=PARENTS)

    def test_rename(self):
        self.put(self.path("a"), b"a")
        self.put(self.path("b"), b"b")
        os.mkdir(self.path("d"))
        with self.refused(errno.EEXIST) as caught:
            self.client.rename(self.path("a"), self.path("b"), EXCLUSIVE)
        self.assertEqual(caught.exception.subject, os.fsencode(self.path("b")))
        self.client.rename(self.path("a"), self.path("d/c"), EXCLUSIVE)
        self.assertEqual(self.get(self.path("d/c")), b"a")
        self.client.rename(self.path("d/c"), self.path("b"))
        self.assertEqual(self.get(self.path("b")), b"a")
        self.client.rename(self.path("d"), self.path("e"))
        self.assertEqual(sorted(os.listdir(self.jail)), ["b", "e"])
        with self.refused(errno.ENOENT):
            self.client.rename(self.path("missing"), self.path("x"))
        with self.refused(errno.EBUSY):
            self.client.rename(self.jail, self.path("x"))


if __name__ == "__main__":
    unittest.main()
