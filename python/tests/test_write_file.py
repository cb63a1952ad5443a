"""verifies: R-TOOL-8"""

import errno
import os
import resource
import socket
import stat
import sys
from unittest import mock

from apts import read_file, write_file

from .workspace import Deadline, TemporaryMount, WorkspaceTest, in_child

module = sys.modules["apts.write_file"]


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class WriteFileTest(WorkspaceTest):
    def test_create(self):
        answer = self.assert_ok(write_file("a.txt", "Grüße\r\n"))
        self.assertEqual(self.content("a.txt"), "Grüße\r\n".encode())
        durable = answer.pop("durable")
        self.assertIs(type(durable), bool)
        expected = {
            "ok": True,
            "path": "a.txt",
            "bytes": 9,
            "outcome": "created",
            "mode": mode_of("a.txt"),
        }
        self.assertEqual(answer, expected)
        self.assertEqual(os.listdir("."), ["a.txt"])
        self.assertEqual(os.stat("a.txt").st_nlink, 1)

    def test_content_kinds(self):
        for content, data in (
            ("", b""),
            (b"", b""),
            (b"\0\xff", b"\0\xff"),
            ("\0", b"\0"),
            ("𝄞", "𝄞".encode()),
        ):
            self.assertEqual(
                self.assert_ok(write_file("f", content, overwrite=True))["bytes"], len(data)
            )
            self.assertEqual(self.content("f"), data)
        self.assert_ok(write_file("f", "AP8=", overwrite=True, encoding="base64"))
        self.assertEqual(self.content("f"), b"\0\xff")
        self.assert_ok(write_file("f", "ñ", overwrite=True, encoding="latin-1"))
        self.assertEqual(self.content("f"), b"\xf1")

    def test_content_refused(self):
        self.assert_fails(write_file("f", "a\ud800"), "argument.invalid", "'\\ud800'")
        self.assert_fails(write_file("f", "€", encoding="latin-1"), "argument.invalid")
        for text in ("A", "A===", "é", "AP8=\n", "AP8"):
            self.assert_fails(write_file("f", text, encoding="base64"), "argument.invalid")
        secret = write_file("f", "hunter2!", encoding="base64")
        self.assertNotIn("hunter2", str(secret))
        for content in (None, 1, ["x"], {"a": 1}, bytearray(b"x")):
            self.assert_fails(write_file("f", content), "argument.invalid", "write_file content")
        self.assertEqual(os.listdir("."), [])

    def test_existing_is_kept_by_default(self):
        self.make("f", b"old")
        error = self.assert_fails(write_file("f", "new"), "file.exists", "'f'")
        self.assertIn("overwrite=True", error["hint"])
        self.assertEqual(self.content("f"), b"old")

    def test_name_taken_in_the_last_instant_is_kept(self):
        real_fsync = os.fsync

        def fsync(fd):
            self.make("f", b"theirs")
            real_fsync(fd)

        with mock.patch.object(module.os, "fsync", fsync):
            self.assert_fails(write_file("f", "mine"), "file.exists")
        self.assertEqual(self.content("f"), b"theirs")

    def test_overwrite(self):
        self.make("f", b"old")
        self.assertEqual(
            self.assert_ok(write_file("f", "new", overwrite=True))["outcome"], "replaced"
        )
        self.assertEqual(self.content("f"), b"new")
        self.assertEqual(
            self.assert_ok(write_file("g", "new", overwrite=True))["outcome"], "created"
        )

    def test_other_hard_links_keep_the_old_content(self):
        self.make("f", b"old")
        os.link("f", "g")
        self.assert_ok(write_file("f", "new", overwrite=True))
        self.assertEqual(self.content("g"), b"old")

    def test_modes(self):
        def with_umask():
            os.umask(0o027)
            return [write_file("new", ""), write_file("set", "", mode=0o666)]

        for answer, expected in zip(in_child(with_umask), (0o640, 0o666)):
            self.assertEqual(self.assert_ok(answer)["mode"], expected)
            self.assertEqual(mode_of(answer["path"]), expected)
        os.chmod("new", 0o6751)
        self.assertEqual(self.assert_ok(write_file("new", "x", overwrite=True))["mode"], 0o751)
        self.assertEqual(mode_of("new"), 0o751)
        self.assert_ok(write_file("new", "x", overwrite=True, mode=0o600))
        self.assertEqual(mode_of("new"), 0o600)
        self.assert_ok(write_file("none", "x", mode=0))
        self.assertEqual(mode_of("none"), 0)

    def test_secret_is_never_readable_on_the_way(self):
        real_write, seen = os.write, []

        def write(fd, data):
            seen.append(stat.S_IMODE(os.fstat(fd).st_mode))
            return real_write(fd, data)

        with mock.patch.object(module.os, "write", write):
            self.assert_ok(write_file("key", "x", mode=0o600))
        self.assertEqual(seen, [0o600])

    def test_owner_is_kept(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give a file away")
        self.make("f")
        os.chown("f", 1234, 4321)
        self.assert_ok(write_file("f", "x", overwrite=True))
        found = os.stat("f")
        self.assertEqual((found.st_uid, found.st_gid), (1234, 4321))

    def test_parents(self):
        error = self.assert_fails(write_file("a/b/f", "x"), "file.not-found")
        self.assertIn("parents=True", error["hint"])
        self.assert_ok(write_file("a/b//c/../f", "x", parents=True))
        self.assertEqual(self.content("a/b/f"), b"x")
        self.assert_ok(write_file("a/b/g", "x", parents=True))
        self.assert_ok(write_file("plain", "x", parents=True))
        self.assert_fails(write_file("plain/f", "x", parents=True), "file.not-directory")
        os.symlink("nowhere", "dangling")
        self.assertFalse(write_file("dangling/f", "x", parents=True)["ok"])

    def test_parents_are_taken_back(self):
        self.assert_fails(write_file("a/b/" + "n" * 300, "x", parents=True), "argument.invalid")
        self.assert_fails(write_file("a/%s/f" % ("n" * 300), "x", parents=True), "argument.invalid")
        self.assertEqual(os.listdir("."), [])

    def test_directory(self):
        os.mkdir("d")
        for overwrite in (False, True):
            for path in ("d", ".", "..", "d/.."):
                self.assert_fails(write_file(path, "x", overwrite=overwrite), "file.is-directory")
        self.assert_fails(write_file("d/", "x"), "argument.invalid")
        self.assert_fails(write_file("/", "x"), "argument.invalid")

    def test_symbolic_link_is_refused(self):
        self.make("target", b"old")
        for link in ("target", "nowhere", "loop"):
            os.symlink(link, "loop")
            self.assert_fails(write_file("loop", "x"), "file.exists")
            self.assert_fails(write_file("loop", "x", overwrite=True), "file.is-symlink")
            self.assertTrue(os.path.islink("loop"))
            os.unlink("loop")
        self.assertEqual(self.content("target"), b"old")
        self.assertFalse(os.path.lexists("nowhere"))

    def test_link_put_there_in_the_last_instant_is_not_followed(self):
        self.make("target", b"old")
        real_fsync = os.fsync

        def fsync(fd):
            if not os.path.lexists("f"):
                os.symlink("target", "f")
            real_fsync(fd)

        with mock.patch.object(module.os, "fsync", fsync):
            self.assert_fails(write_file("f", "x"), "file.exists")
        os.unlink("f")
        with mock.patch.object(module.os, "fsync", fsync):
            self.assert_ok(write_file("f", "x", overwrite=True))
        self.assertEqual(self.content("target"), b"old")
        self.assertFalse(os.path.islink("f"))

    def test_links_before_the_last_part_are_followed(self):
        os.mkdir("d")
        os.symlink("d", "link")
        self.assert_ok(write_file("link/f", "x"))
        self.assertEqual(self.content("d/f"), b"x")

    def test_directory_swapped_meanwhile(self):
        # All steps act in the directory that was opened first.
        os.mkdir("d")
        os.mkdir("elsewhere")
        real_fsync = os.fsync

        def fsync(fd):
            if not os.path.islink("d"):
                os.rename("d", "moved")
                os.symlink("elsewhere", "d")
            real_fsync(fd)

        with mock.patch.object(module.os, "fsync", fsync):
            self.assert_ok(write_file("d/f", "x"))
        self.assertEqual((os.listdir("moved"), os.listdir("elsewhere")), (["f"], []))

    def test_special_files(self):
        os.mkfifo("fifo")
        with Deadline(10), socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
            self.assert_fails(write_file("fifo", "x", overwrite=True), "file.not-regular", "FIFO")
            self.assert_fails(write_file("s", "x", overwrite=True), "file.not-regular", "socket")
            self.assert_fails(write_file("fifo", "x"), "file.exists")

    def test_permission(self):
        def attempts():
            return [
                write_file("closed/f", "x"),
                write_file("open/readonly", "x", overwrite=True),
                write_file("open/f", "x"),
                write_file("unlisted/f", "x"),
            ]

        for directory, mode in (("closed", 0o555), ("open", 0o777), ("unlisted", 0o333)):
            os.mkdir(directory)
            os.chmod(directory, mode)
        self.make("open/readonly", b"old")
        os.chmod("open/readonly", 0o444)
        closed, readonly, allowed, unlisted = in_child(attempts, as_nobody=True)
        os.chmod("closed", 0o755)
        os.chmod("unlisted", 0o755)
        self.assert_fails(closed, "file.denied")
        self.assert_fails(readonly, "file.denied")
        self.assertEqual(self.content("open/readonly"), b"old")
        self.assert_ok(allowed)
        # A directory that can be entered and not listed: written, and honest about the name not
        # being stored.
        self.assertIs(self.assert_ok(unlisted)["durable"], False)

    def test_too_large(self):
        error = self.assert_fails(write_file("f", "éé", max_bytes=3), "file.too-large")
        self.assertEqual(error["context"], {"size": 4, "max_bytes": 3})
        self.assert_ok(write_file("f", "éé", max_bytes=4))
        self.assert_fails(write_file("g", b"x" * (16 * 1024 * 1024 + 1)), "file.too-large")

    def test_disk_full(self):
        with TemporaryMount(self, "small", "size=64k") as _:
            self.assert_ok(write_file("small/kept", "old"))
            for overwrite in (False, True):
                self.assert_fails(
                    write_file("small/f", b"x" * 200_000, overwrite=overwrite), "file.no-space"
                )
            self.assert_fails(
                write_file("small/kept", b"x" * 200_000, overwrite=True), "file.no-space"
            )
            self.assert_fails(
                write_file("small/a/b/f", b"x" * 200_000, parents=True), "file.no-space"
            )
            self.assertEqual(os.listdir("small"), ["kept"])
            self.assertEqual(self.content("small/kept"), b"old")

    def test_out_of_inodes(self):
        # tmpfs counts a hard link as an inode: the directory, a temporary file and its link are
        # three.
        with TemporaryMount(self, "small", "size=64k,nr_inodes=3") as _:
            self.assert_ok(write_file("small/one", "x"))
            self.assert_fails(write_file("small/two", "x"), "file.no-space")
            self.assertEqual(os.listdir("small"), ["one"])

    def test_read_only_file_system(self):
        with TemporaryMount(self, "small", "size=64k") as mounted:
            self.make("small/f", b"old")
            mounted.remount("ro")
            self.assert_fails(write_file("small/g", "x"), "file.denied")
            self.assert_fails(write_file("small/f", "x", overwrite=True), "file.denied")
            self.assertEqual(self.assert_ok(read_file("small/f"))["content"], "old")

    def test_file_size_limit_of_the_process(self):
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
            return write_file("f", b"x" * 5000)

        self.assert_fails(in_child(limited), "file.too-large")
        self.assertEqual(os.listdir("."), [])

    def test_every_step_may_fail(self):
        # Whatever step fails, and however, the old content stays and nothing else does.
        steps = ["open", "write", "fstat", "fsync", "fchmod", "close", "link", "replace"]
        for step in steps:
            for failure in (OSError(errno.EIO, "broken"), MemoryError(), KeyboardInterrupt()):
                for overwrite in (False, True):
                    with self.subTest(step=step, failure=failure, overwrite=overwrite):
                        self._fail_at(step, failure, overwrite)

    def _fail_at(self, step, failure, overwrite):
        path = "d/old" if overwrite else "d/new"
        self.make("d/old", b"old")
        real = getattr(os, step)
        failed = []

        def fail(*args, **kwargs):
            if step in ("close", "open") or failed:
                result = real(*args, **kwargs)
                if step == "open" and not (args[1] & os.O_CREAT):
                    return result
                if step == "open":
                    os.close(result)
                if failed:
                    return result
            failed.append(step)
            raise failure

        answer = None
        with mock.patch.object(module.os, step, fail):
            try:
                answer = write_file(path, "new", overwrite=overwrite, mode=0o600)
            except (MemoryError, KeyboardInterrupt):
                self.assertNotIsInstance(failure, OSError)
        if not failed:
            self.assertIn(step, ("link", "replace"))
            self.assert_ok(answer)
            os.unlink(path)
            return
        if answer is not None:
            self.assert_fails(answer, "file.failed")
        self.assertEqual(os.listdir("d"), ["old"])
        self.assertEqual(self.content("d/old"), b"old")

    def test_short_writes(self):
        real_write = os.write
        with mock.patch.object(module.os, "write", lambda fd, data: real_write(fd, data[:3])):
            self.assert_ok(write_file("f", "0123456789"))
        self.assertEqual(self.content("f"), b"0123456789")

    def test_without_hard_links(self):
        for number in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            with mock.patch.object(module.os, "link", side_effect=OSError(number, "")):
                self.assertEqual(self.assert_ok(write_file("f", "x"))["outcome"], "created")
                self.assert_fails(write_file("f", "y"), "file.exists")
                with mock.patch.object(module.os, "replace", side_effect=OSError(errno.EIO, "")):
                    self.assert_fails(write_file("g", "y"), "file.failed")
            self.assertEqual((os.listdir("."), self.content("f")), (["f"], b"x"))
            os.unlink("f")

    def test_without_directory_descriptors(self):
        with mock.patch.object(os, "supports_dir_fd", set()):
            self.assert_ok(write_file("d/f", "x", parents=True))
            self.assert_ok(write_file("d/f", "y", overwrite=True))
            self.assert_fails(write_file("d/f", "z"), "file.exists")
        self.assertEqual((os.listdir("d"), self.content("d/f")), (["f"], b"y"))

    def test_without_fsync(self):
        with mock.patch.object(module.os, "fsync", side_effect=OSError(errno.EINVAL, "")):
            self.assertIs(self.assert_ok(write_file("f", "x"))["durable"], False)

    def test_invalid_arguments(self):
        for path in (None, 1, b"f", "", "a\0b", "\ud800"):
            self.assert_fails(write_file(path, "x"), "argument.invalid", "write_file path")
        for name in ("overwrite", "parents"):
            for value in (1, "false", None):
                self.assert_fails(
                    write_file("f", "x", **{name: value}), "argument.invalid", "write_file " + name
                )
        for value in (-1, 0o1000, 0o4755, "0644", True, 420.0):
            self.assert_fails(
                write_file("f", "x", mode=value), "argument.invalid", "write_file mode"
            )
        for value in (-1, True, 1.5, None, module.MAX_BYTES_CEILING + 1):
            self.assert_fails(
                write_file("f", "x", max_bytes=value), "argument.invalid", "write_file max_bytes"
            )
        for value in (None, "utf-7", "rot13", 1, []):
            self.assert_fails(
                write_file("f", "x", encoding=value), "argument.invalid", "write_file encoding"
            )
        self.assert_fails(write_file("f"), "argument.invalid", "content")
        self.assert_fails(write_file("f", "x", True), "argument.invalid")
        self.assertEqual(os.listdir("."), [])

    def test_names(self):
        for name in ("ü €", "-rf", " ", "a\nb", "bad\udcff", "n" * 255, ".hidden", "..."):
            self.assert_ok(write_file(name, name.encode("utf-8", "surrogateescape")))
            self.assertEqual(self.content(name), os.fsencode(name))
