"""file.remove: one name, trees of any depth, and what it must not touch."""
import contextlib
import errno
import os
import shutil
import struct
import threading
import unittest

from channel_client import PARENTS, REMOVE, Refused, text
from files_world import FilesTest, IS_ROOT, NEEDS_ROOT


class Removal(FilesTest):
    def test_one(self):
        self.put(self.path("file"), b"")
        os.mkdir(self.path("empty"))
        os.makedirs(self.path("full/of"))
        os.symlink(self.outside, self.path("link"))
        for name in ("file", "empty/", "link"):
            self.assertEqual(self.client.remove(self.path(name)), 1)
        with self.refused(errno.ENOTEMPTY):
            self.client.remove(self.path("full"))
        with self.refused(errno.ENOENT):
            self.client.remove(self.path("missing"), PARENTS)
        with self.refused(errno.EBUSY):
            self.client.remove(self.jail, PARENTS)
        with self.refused(errno.EINVAL):
            self.client.remove(self.path("full/.."), PARENTS)
        self.assertEqual(os.listdir(self.jail), ["full"])

    def test_removal(self):
        entries = 1
        for directory in ("a", "a/b", "a/b/c", "d"):
            os.makedirs(self.path("tree/" + directory))
            entries += 1
            for index in range(300):
                self.put(self.path(f"tree/{directory}/{index}"), b"")
                entries += 1
        os.symlink(self.outside, self.path("tree/a/link"))
        os.symlink(self.outside + "/secret", self.path("tree/a/b/link"))
        os.mkfifo(self.path("tree/fifo"))
        self.assertEqual(self.client.remove(self.path("tree"), PARENTS), entries + 3)
        self.assertEqual(os.listdir(self.jail), [])

    def test_removal_of_a_deep_tree(self):
        depth, here = 5000, os.getcwd()
        os.chdir(self.jail)
        for _ in range(depth):
            os.mkdir("d")
            self.put("f", b"")
            os.chdir("d")
        os.chdir(here)
        self.put(self.path("keep"), b"")
        channel = self.client.open(REMOVE, text(self.path("d")) + struct.pack("<I", PARENTS))
        self.assertLess(self.client.ping(), 5)
        self.assertEqual(self.client.finish(channel)[1], 2 * depth - 1)
        self.assertEqual(sorted(os.listdir(self.jail)), ["f", "keep"])

    def test_removal_of_a_directory_that_is_moved(self):
        """What is being emptied moves into another directory: the way up must not lead into that one."""
        os.makedirs(self.path("beside"))
        self.put(self.path("beside/keep"), b"")
        files = 1000
        while True:
            os.makedirs(self.path("tree/x"))
            for index in range(files):
                self.put(self.path(f"tree/x/{index}"), b"")
            channel = self.client.open(REMOVE, text(self.path("tree")) + struct.pack("<I", PARENTS))
            try:
                while len(os.listdir(self.path("tree/x"))) == files:
                    pass
                os.rename(self.path("tree/x"), self.path("beside/x"))
                break
            except FileNotFoundError:  # It was faster than we are.
                self.client.finish(channel)
                files *= 2
        with self.refused(errno.ESTALE):
            self.client.finish(channel)
        self.assertTrue(os.path.exists(self.path("beside/keep")))

    def test_removal_race(self):
        """A directory is moved in and out of the tree while it is removed: nothing beside the tree goes."""
        os.mkdir(self.path("beside"))
        for index in range(50):
            self.put(self.path(f"beside/{index}"), b"")
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    os.makedirs(self.path("tree/x/y"), exist_ok=True)
                    self.put(self.path("tree/x/y/z"), b"")
                    os.rename(self.path("tree/x/y"), self.path("beside/y"))
                with contextlib.suppress(OSError):
                    shutil.rmtree(self.path("beside/y"))

        swapper = threading.Thread(target=swap)
        swapper.start()
        for _ in range(300):
            os.makedirs(self.path("tree/x"), exist_ok=True)
            with contextlib.suppress(Refused):
                self.client.remove(self.path("tree"), PARENTS)
        stop.set()
        swapper.join()
        for index in range(50):
            self.assertTrue(os.path.exists(self.path(f"beside/{index}")))

    def test_cancelled_removal(self):
        for index in range(3000):
            os.makedirs(self.path(f"tree/{index}"))
        channel = self.client.open(REMOVE, text(self.path("tree")) + struct.pack("<I", PARENTS))
        self.client.cancel(channel)
        self.client.ping()

    @unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
    def test_removal_does_not_cross_a_bind_mount(self):
        os.makedirs(self.path("tree/a/mount"))
        with self.mounted("--bind", self.outside, self.path("tree/a/mount")):
            with self.refused(errno.EBUSY):
                self.client.remove(self.path("tree"), PARENTS)
            with self.refused(errno.EBUSY):
                self.client.remove(self.path("tree/a/mount"), PARENTS)
            self.assertEqual(os.listdir(self.outside), ["secret"])
        self.client.remove(self.path("tree"), PARENTS)
        self.assertEqual(os.listdir(self.jail), [])


if __name__ == "__main__":
    unittest.main()
