"""verifies: R-TOOL-8"""

import base64
import os
import socket
import sys
import threading
from unittest import mock

from apts import read_file, write_file

from .workspace import Deadline, WorkspaceTest, in_child

module = sys.modules["apts.read_file"]


class ReadFileTest(WorkspaceTest):
    def test_text(self):
        self.make("a.txt", "Grüße\r\n\ufeff𝄞\0".encode())
        self.assertEqual(
            self.assert_ok(read_file("a.txt")),
            {
                "ok": True,
                "path": "a.txt",
                "content": "Grüße\r\n\ufeff𝄞\0",
                "encoding": "utf-8",
                "bytes": 17,
                "offset": 0,
                "size": 17,
                "truncated": False,
                "dropped_bytes": 0,
                "next_offset": None,
            },
        )

    def test_empty(self):
        self.make("empty")
        answer = self.assert_ok(read_file("empty"))
        self.assertEqual((answer["content"], answer["encoding"], answer["size"]), ("", "utf-8", 0))

    def test_binary_comes_as_base64_and_says_so(self):
        data = bytes(range(256))
        self.make("b", data)
        answer = self.assert_ok(read_file("b"))
        self.assertEqual(answer["encoding"], "base64")
        self.assertEqual(base64.b64decode(answer["content"], validate=True), data)
        self.assertEqual(answer["bytes"], 256)

    def test_encodings(self):
        for encoding in module.ENCODINGS:
            self.make("e", "añ".encode(encoding))
            answer = self.assert_ok(read_file("e", encoding=encoding))
            self.assertEqual((answer["content"], answer["encoding"]), ("añ", encoding))
        self.assertEqual(self.assert_ok(read_file("e", encoding=None))["encoding"], "base64")
        self.assert_fails(read_file("e", encoding="utf-7"), "argument.invalid", "'utf-7'")
        self.assert_fails(read_file("e", encoding="no-such"), "argument.invalid")
        self.assert_fails(read_file("e", encoding=["utf-8"]), "argument.invalid")

    def test_exactly_max_bytes_is_allowed(self):
        self.make("f", b"x" * 10)
        self.assertEqual(self.assert_ok(read_file("f", max_bytes=10))["bytes"], 10)

    def test_one_byte_more_is_too_large(self):
        self.make("f", b"x" * 11)
        error = self.assert_fails(
            read_file("f", max_bytes=10), "file.too-large", "at most 10 bytes", "found 11 bytes"
        )
        self.assertEqual(error["context"], {"max_bytes": 10, "offset": 0, "size": 11})
        self.assertIn("truncate=True", error["hint"])
        self.assertEqual(self.assert_ok(read_file("f", max_bytes=10, offset=1))["bytes"], 10)

    def test_huge_file_is_refused_without_reading_it(self):
        with open("huge", "wb") as file:
            file.truncate(1 << 40)
        with (
            Deadline(10),
            mock.patch.object(module.os, "read", side_effect=AssertionError("was read")),
        ):
            error = self.assert_fails(read_file("huge"), "file.too-large")
        self.assertEqual(error["context"]["size"], 1 << 40)
        with Deadline(10):
            answer = self.assert_ok(read_file("huge", truncate=True, max_bytes=3, offset=1 << 39))
        self.assertEqual(answer["dropped_bytes"], (1 << 39) - 3)

    def test_truncate(self):
        self.make("f", b"abcdef")
        answer = self.assert_ok(read_file("f", max_bytes=4, truncate=True))
        self.assertEqual((answer["content"], answer["truncated"]), ("abcd", True))
        self.assertEqual(
            (answer["dropped_bytes"], answer["next_offset"], answer["size"]), (2, 4, 6)
        )
        answer = self.assert_ok(read_file("f", max_bytes=4, truncate=True, offset=4))
        self.assertEqual(
            (answer["content"], answer["truncated"], answer["next_offset"]), ("ef", False, None)
        )

    def test_truncate_does_not_cut_a_character(self):
        self.make("f", "aé𝄞".encode())
        answer = self.assert_ok(read_file("f", max_bytes=2, truncate=True))
        self.assertEqual(
            (answer["content"], answer["bytes"], answer["dropped_bytes"], answer["next_offset"]),
            ("a", 1, 6, 1),
        )
        # One byte of a character of four: base64, since a page without content would never end.
        answer = self.assert_ok(read_file("f", max_bytes=1, truncate=True, offset=3))
        self.assertEqual((answer["encoding"], answer["bytes"]), ("base64", 1))

    def test_pages_together_are_the_file(self):
        alphabet = "ab é€𝄞\n\ufeff"
        for _ in range(200):
            encoding = self.random.choice(module.ENCODINGS[:3])
            text = "".join(self.random.choice(alphabet) for _ in range(self.random.randrange(40)))
            data = text.encode(encoding)
            if self.random.random() < 0.3:
                data += self.random.getrandbits(64).to_bytes(8, "big")
            self.make("f", data)
            max_bytes = self.random.randint(1, 12)
            offset, pieces = 0, b""
            while offset is not None:
                answer = self.assert_ok(
                    read_file(
                        "f", max_bytes=max_bytes, truncate=True, offset=offset, encoding=encoding
                    )
                )
                is_base64 = answer["encoding"] == "base64"
                piece = (
                    base64.b64decode(answer["content"])
                    if is_base64
                    else answer["content"].encode(encoding)
                )
                self.assertEqual(len(piece), answer["bytes"])
                self.assertEqual(offset + answer["bytes"] + answer["dropped_bytes"], len(data))
                self.assertEqual(answer["size"], len(data))
                pieces += piece
                offset = answer["next_offset"]
            self.assertEqual(pieces, data)

    def test_what_is_read_can_be_written_back(self):
        for number in range(100):
            data = bytes(
                self.random.choice(b"abc\n\r\0\xc3\xa9\xff")
                for _ in range(self.random.randrange(30))
            )
            self.make("f", data)
            answer = self.assert_ok(read_file("f"))
            copy = "copy%d" % number
            self.assert_ok(write_file(copy, answer["content"], encoding=answer["encoding"]))
            self.assertEqual(self.content(copy), data)

    def test_offset_at_and_past_the_end(self):
        self.make("f", b"abc")
        self.assertEqual(self.assert_ok(read_file("f", offset=3))["content"], "")
        self.assert_fails(
            read_file("f", offset=4), "argument.invalid", "offset: 4", "at most the file's size, 3"
        )
        self.assert_fails(read_file("f", offset=2**63 - 1), "argument.invalid")

    def test_missing(self):
        self.assert_fails(read_file("none"), "file.not-found", "'none'")
        self.make("f")
        self.assert_fails(read_file("f/g"), "file.not-directory")
        os.symlink("nowhere", "dangling")
        self.assert_fails(read_file("dangling"), "file.not-found")

    def test_directory(self):
        self.assert_fails(read_file("."), "file.is-directory")
        self.make("f")
        self.assertFalse(read_file("f/")["ok"])

    def test_links(self):
        self.make("f", b"x")
        os.symlink("f", "link")
        self.assertEqual(self.assert_ok(read_file("link"))["content"], "x")
        os.symlink("loop", "loop")
        self.assert_fails(read_file("loop"), "file.failed")

    def test_fifo_does_not_hang_and_is_not_opened(self):
        os.mkfifo("fifo")
        with Deadline(10):
            self.assert_fails(read_file("fifo"), "file.not-regular", "FIFO")
            opened = threading.Event()

            def writer():
                with open("fifo", "wb", buffering=0):
                    opened.set()

            thread = threading.Thread(target=writer)
            thread.start()
            self.assert_fails(read_file("fifo"), "file.not-regular")
            self.assertFalse(opened.is_set(), "the waiting writer was let through")
            with open("fifo", "rb"):
                thread.join()

    def test_swapped_for_a_fifo(self):
        self.make("f")
        regular = os.stat("f")
        os.unlink("f")
        os.mkfifo("f")
        with Deadline(10), mock.patch.object(module.os, "stat", return_value=regular):
            self.assert_fails(read_file("f"), "file.not-regular")

    def test_socket_and_device(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
            self.assert_fails(read_file("s"), "file.not-regular", "socket")
        self.assert_fails(read_file("/dev/zero"), "file.not-regular", "device")

    def test_permission(self):
        self.make("f", b"secret")
        os.chmod("f", 0)
        self.assert_fails(in_child(lambda: read_file("f"), as_nobody=True), "file.denied")
        os.chmod("f", 0o444)
        self.assert_ok(in_child(lambda: read_file("f"), as_nobody=True))

    def test_proc(self):
        if not os.path.exists("/proc/self/status"):
            self.skipTest("no /proc")
        answer = self.assert_ok(read_file("/proc/self/status"))
        self.assertIn("Pid:", answer["content"])
        self.assertEqual(answer["size"], answer["bytes"])
        answer = self.assert_ok(read_file("/proc/self/status", max_bytes=5, truncate=True))
        self.assertEqual(
            (answer["size"], answer["dropped_bytes"], answer["truncated"]), (None, None, True)
        )
        error = self.assert_fails(read_file("/proc/self/status", max_bytes=5), "file.too-large")
        self.assertNotIn("size", error["context"])

    def test_change_while_reading_is_read_again(self):
        self.make("f", b"old old old")
        real_read, changes = os.read, []

        def read(fd, count):
            data = real_read(fd, count)
            if not changes:
                changes.append(self.make("f", b"new new new"))
            return data

        with mock.patch.object(module.os, "read", read):
            answer = self.assert_ok(read_file("f"))
        self.assertEqual(answer["content"], "new new new")

    def test_change_that_keeps_size_and_time_is_seen(self):
        self.make("f", b"aaaa")
        os.utime("f", ns=(0, 0))
        real_read, changes = os.read, []

        def read(fd, count):
            data = real_read(fd, count)
            if not changes:
                changes.append(self.make("f", b"bbbb"))
                os.utime("f", ns=(0, 0))
            return data

        with mock.patch.object(module.os, "read", read):
            self.assertEqual(self.assert_ok(read_file("f"))["content"], "bbbb")

    def test_change_without_end_is_an_error(self):
        self.make("f", b"0")
        real_read, count_of = os.read, [0]

        def read(fd, count):
            count_of[0] += 1
            self.make("f", b"x" * (count_of[0] % 7 + 1))
            return real_read(fd, count)

        with mock.patch.object(module.os, "read", read), Deadline(10):
            error = self.assert_fails(read_file("f"), "file.changed")
        self.assertEqual(error["context"], {"attempts": module.ATTEMPTS})

    def test_file_that_grows_past_the_limit_while_read(self):
        self.make("f", b"x")
        real_read = os.read

        def read(fd, count):
            self.make("f", b"x" * 100)
            return real_read(fd, count)

        with mock.patch.object(module.os, "read", read):
            self.assert_fails(read_file("f", max_bytes=10), "file.too-large")

    def test_invalid_arguments(self):
        self.make("f")
        for path in (None, 1, b"f", "", "a\0b", "\ud800", ["f"], object()):
            self.assert_fails(read_file(path), "argument.invalid", "read_file path")
        for value in (0, -1, True, 1.0, "1", None, 2**70, module.MAX_BYTES_CEILING + 1):
            self.assert_fails(
                read_file("f", max_bytes=value), "argument.invalid", "read_file max_bytes"
            )
        for value in (-1, False, 0.0, "0", None, 2**63):
            self.assert_fails(read_file("f", offset=value), "argument.invalid", "read_file offset")
        for value in (1, "false", None):
            self.assert_fails(
                read_file("f", truncate=value), "argument.invalid", "read_file truncate"
            )
        self.assert_fails(read_file(), "argument.invalid", "path")
        self.assert_fails(read_file("f", limit=1), "argument.invalid", "'limit'")
        self.assert_fails(read_file("f", path="f"), "argument.invalid", "twice")
        self.assert_fails(read_file("f", 10), "argument.invalid", "2")
        self.assert_fails(read_file("n" * 300), "argument.invalid")

    def test_path_kinds(self):
        import pathlib

        self.make("ü €", b"1")
        self.assert_ok(read_file(pathlib.Path("ü €")))
        self.assert_ok(read_file(path=os.path.join(self.root, "ü €")))
        self.make(os.fsdecode(b"bad\xff"), b"2")
        self.assertEqual(self.assert_ok(read_file("bad\udcff"))["content"], "2")

    def test_bugs_are_not_hidden(self):
        self.make("f")
        with (
            mock.patch.object(module, "_read_once", side_effect=ZeroDivisionError),
            self.assertRaises(ZeroDivisionError),
        ):
            read_file("f")
