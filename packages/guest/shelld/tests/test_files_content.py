"""file.read and file.write: round trips, atomicity, and what is left when they end early."""
import errno
import os
import socket
import stat
import struct
import threading
import time
import unittest

from channel_client import APPEND, COMMIT, CREDIT, DATA, EXCLUSIVE, FILE, INFO, PARENTS, READ, WINDOW, text
from files_world import CONTENT, FilesTest, IS_ROOT, NEEDS_ROOT


class Content(FilesTest):
    def test_binary_round_trip(self):
        info, count = self.client.write(self.path("file"), CONTENT)
        self.assertEqual((info.kind, info.size, info.mode, info.name), (FILE, len(CONTENT), 0o644, b"file"))
        self.assertEqual(count, len(CONTENT))
        self.assertEqual(self.get(self.path("file")), CONTENT)
        info, content, count = self.client.read(self.path("file"))
        self.assertEqual((info.size, count), (len(CONTENT), len(CONTENT)))
        self.assertEqual(content, CONTENT)
        self.nothing_is_left()

    def test_empty(self):
        self.assertEqual(self.client.write(self.path("file"), b"")[1], 0)
        self.assertEqual(self.client.read(self.path("file"), credit=0)[1:], (b"", 0))

    def test_part(self):
        self.put(self.path("file"), CONTENT)
        self.assertEqual(self.client.read(self.path("file"), 1000, 2000)[1], CONTENT[1000:3000])
        self.assertEqual(self.client.read(self.path("file"), len(CONTENT) - 5, 100)[1], CONTENT[-5:])
        self.assertEqual(self.client.read(self.path("file"), len(CONTENT) + 5)[1], b"")
        self.assertEqual(self.client.read(self.path("file"), 0, 10, credit=10)[1], CONTENT[:10])
        self.assertEqual(self.client.read(self.path("file"), len(CONTENT) - 10, credit=10)[1], CONTENT[-10:])

    def test_credit_bounds_a_read(self):
        self.put(self.path("file"), CONTENT)
        channel = self.client.open(READ, text(self.path("file")) + struct.pack("<QQI", 0, 0, 1000))
        self.assertEqual(self.client.receive(channel)[0], INFO)
        self.assertEqual(self.client.receive(channel), (DATA, CONTENT[:1000]))
        self.client.ping()
        self.assertEqual(self.client.kept, [])
        self.client.send(CREDIT, channel, struct.pack("<I", 500))
        self.assertEqual(self.client.receive(channel), (DATA, CONTENT[1000:1500]))
        self.client.cancel(channel)

    def test_unread_read_does_not_stall_others(self):
        self.put(self.path("file"), CONTENT)
        other = self.shelld.connect()
        for _ in range(4):
            other.open(READ, text(self.path("file")) + struct.pack("<QQI", 0, 0, 1 << 30))
        self.assertEqual(self.client.read(self.path("file"))[1], CONTENT)
        other.close()

    def test_modes(self):
        self.assertEqual(self.client.write(self.path("a"), b"x", mode=0o600)[0].mode, 0o600)
        self.assertEqual(self.client.write(self.path("a"), b"y")[0].mode, 0o600)
        self.assertEqual(self.client.write(self.path("a"), b"y", mode=0o755)[0].mode, 0o755)
        os.chmod(self.path("a"), 0o4755)
        self.assertEqual(self.client.write(self.path("a"), b"z")[0].mode, 0o755)
        if IS_ROOT:
            os.chown(self.path("a"), 1234, 2345)
            info = self.client.write(self.path("a"), b"w")[0]
            self.assertEqual((info.uid, info.gid, info.mode), (1234, 2345, 0o755))

    def test_exclusive(self):
        self.client.write(self.path("new"), b"first", flags=EXCLUSIVE)
        with self.refused(errno.EEXIST):
            self.client.write(self.path("new"), b"second", flags=EXCLUSIVE)
        self.assertEqual(self.get(self.path("new")), b"first")
        # What appears between the start and the commit is not replaced either.
        channel = self.client.begin_write(self.path("late"), flags=EXCLUSIVE)
        self.client.ping()
        self.put(self.path("late"), b"theirs")
        self.client.send(COMMIT, channel)
        with self.refused(errno.EEXIST):
            self.client.finish(channel)
        self.assertEqual(self.get(self.path("late")), b"theirs")
        self.nothing_is_left()

    def test_parents(self):
        with self.refused(errno.ENOENT):
            self.client.write(self.path("a/b/file"), b"x")
        self.assertFalse(os.path.exists(self.path("a")))
        self.client.write(self.path("a/b/file"), b"x", flags=PARENTS)
        self.assertEqual(self.get(self.path("a/b/file")), b"x")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("a/b")).st_mode), 0o755)

    def test_append(self):
        self.assertEqual(self.client.write(self.path("log"), b"one", flags=APPEND)[0].mode, 0o644)
        self.assertEqual(self.client.write(self.path("log"), b"two", flags=APPEND)[1], 3)
        self.assertEqual(self.get(self.path("log")), b"onetwo")
        with self.refused(errno.EEXIST):
            self.client.write(self.path("log"), b"x", flags=APPEND | EXCLUSIVE)
        os.symlink(self.outside + "/secret", self.path("link"))
        with self.refused(errno.ELOOP):
            self.client.write(self.path("link"), b"x", flags=APPEND)
        os.mkfifo(self.path("fifo"))
        with self.refused(errno.EINVAL, errno.ENXIO):
            self.client.write(self.path("fifo"), b"x", flags=APPEND)
        reader = os.open(self.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        with self.refused(errno.EINVAL):
            self.client.write(self.path("fifo"), b"x", flags=APPEND)
        self.assertEqual(os.read(reader, 10), b"")
        os.close(reader)

    def test_a_reader_never_sees_half_a_file(self):
        versions = [bytes([letter]) * 300_000 for letter in b"abcdefgh"]
        self.put(self.path("file"), versions[0])
        stop, seen = threading.Event(), []

        def look():
            while not stop.is_set():
                content = self.get(self.path("file"))
                if len(content) != 300_000 or content != content[:1] * 300_000:
                    seen.append(content[:10])

        readers = [threading.Thread(target=look) for _ in range(2)]
        for reader in readers:
            reader.start()
        for turn in range(64):
            self.client.write(self.path("file"), versions[turn % 8], piece=50_000)
        stop.set()
        for reader in readers:
            reader.join()
        self.assertEqual(seen, [])

    def test_cancel_leaves_nothing(self):
        self.put(self.path("file"), b"old")
        channel = self.client.begin_write(self.path("file"))
        self.client.send(DATA, channel, b"x" * 1000)
        self.client.ping()
        self.assertEqual(len(os.listdir(self.jail)), 2)
        self.client.cancel(channel)
        self.assertEqual(os.listdir(self.jail), ["file"])
        self.assertEqual(self.get(self.path("file")), b"old")

    def test_a_lost_connection_leaves_nothing(self):
        self.put(self.path("file"), b"old")
        other = self.shelld.connect()
        for _ in range(10):
            other.send(DATA, other.begin_write(self.path("file")), b"x" * 1000)
        other.ping()
        self.assertEqual(len(os.listdir(self.jail)), 11)
        other.close()
        deadline = time.monotonic() + 10
        while len(os.listdir(self.jail)) > 1 and time.monotonic() < deadline:
            self.client.ping()
        self.assertEqual(os.listdir(self.jail), ["file"])
        self.assertEqual(self.get(self.path("file")), b"old")

    @unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
    def test_full_disk_leaves_the_old_content(self):
        small = self.path("small")
        os.mkdir(small)
        with self.mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", small):
            self.client.write(small + "/file", b"old" * 1000)
            with self.refused(errno.ENOSPC):
                self.client.write(small + "/file", CONTENT)
            self.assertEqual(os.listdir(small), ["file"])
            self.assertEqual(self.get(small + "/file"), b"old" * 1000)
            self.client.write(small + "/file", b"new" * 1000)
            self.client.ping()

    def test_more_than_the_window_ends_the_connection(self):
        # Whatever arrives is stored at once, so only a frame over the limit of all frames can exceed the window.
        other = self.shelld.connect()
        channel = other.begin_write(self.path("file"))
        other.send(DATA, channel, b"x" * WINDOW)
        other.send(COMMIT, channel)
        self.assertEqual(other.finish(channel)[1], WINDOW)
        channel = other.begin_write(self.path("other"))
        with self.assertRaises((ConnectionError, OSError)):
            other.send(DATA, channel, b"x" * (WINDOW + 1))
            other.finish(channel)
        other.close()
        self.client.ping()
        self.assertEqual(os.listdir(self.jail), ["file"])

    def test_what_is_no_regular_file(self):
        os.mkfifo(self.path("fifo"))
        with self.refused(errno.EINVAL):
            self.client.read(self.path("fifo"))
        with self.refused(errno.EISDIR):
            self.client.read(self.jail)
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.getcwd()
            os.chdir(self.jail)
            listener.bind("socket")
            os.chdir(here)
            with self.refused(errno.ENXIO):
                self.client.read(self.path("socket"))
        with self.refused(errno.EISDIR):
            self.client.write(self.path("new/"), b"")
        os.mkdir(self.path("directory"))
        with self.refused(errno.EISDIR):
            self.client.write(self.path("directory"), b"")
        self.assertLess(self.client.ping(), 5)

    def test_many_at_once(self):
        channels = []
        for index in range(200):
            channels.append(self.client.begin_write(self.path(f"{index}")))
            self.client.send(DATA, channels[-1], b"%d" % index)
        for channel in channels:
            self.client.send(COMMIT, channel)
        for index, channel in enumerate(channels):
            self.client.finish(channel)
            self.assertEqual(self.get(self.path(f"{index}")), b"%d" % index)


if __name__ == "__main__":
    unittest.main()
