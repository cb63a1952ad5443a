"""verifies: R-TOOL-8"""

import os
import pathlib
import random
import socket
import sys
import threading
from unittest import mock

from apts import read_file, search_files

from .workspace import Deadline, WorkspaceTest, in_child

module = sys.modules["apts.search_files"]
walk = sys.modules["apts.file_walk"]


class SearchFilesTest(WorkspaceTest):
    def paths(self, *args, **kwargs):
        return [match["path"] for match in self.assert_ok(search_files(*args, **kwargs))["matches"]]

    def test_answer(self):
        self.make("b/c.py", b"12345")
        self.assertEqual(
            search_files("**/*.py"),
            {
                "ok": True,
                "matches": [
                    {"path": "b/c.py", "type": "file", "size": 5, "line": None, "text": None}
                ],
                "total": 1,
                "offset": 0,
                "limit": 100,
                "next_offset": None,
                "incomplete": False,
                "scanned": 2,
                "skipped": 0,
                "skipped_binary": 0,
                "hint": None,
            },
        )

    def test_order_does_not_depend_on_how_the_tree_was_made(self):
        paths = ["a/b", "a.txt", "a-b/c", "B", "é", "z/z"]
        seen = set()
        for number in range(5):
            random.Random(number).shuffle(paths)
            for path in paths:
                self.make("%d/%s" % (number, path))
            seen.add(tuple(path.split("/", 1)[1] for path in self.paths("**", str(number))))
        self.assertEqual(seen, {("B", "a/b", "a-b/c", "a.txt", "z/z", "é")})

    def test_root(self):
        self.make("d/f", b"x")
        os.symlink("d", "link")
        for root, expected in (
            ("d", "d/f"),
            ("d/", "d/f"),
            ("./d", "./d/f"),
            ("link", "link/f"),
            (os.path.join(self.root, "d"), os.path.join(self.root, "d", "f")),
            (pathlib.Path("d"), "d/f"),
        ):
            self.assertEqual(self.paths("*", root), [expected])
            self.assert_ok(read_file(expected))
        self.assertEqual(
            self.paths(os.path.relpath(self.root, "/") + "/d/f", "/"),
            [os.path.join(self.root, "d", "f")],
        )

    def test_root_that_fails(self):
        self.assert_fails(
            search_files("*", "none"), "file.not-found", "search_files root", "'none'"
        )
        self.make("f")
        self.assert_fails(search_files("*", "f"), "file.not-directory")
        os.mkfifo("fifo")
        with Deadline(10):
            self.assert_fails(search_files("*", "fifo"), "file.not-directory")
        os.mkdir("closed", 0)
        answer = in_child(lambda: search_files("*", "closed"), as_nobody=True)
        os.chmod("closed", 0o755)
        self.assert_fails(answer, "file.denied")

    def test_contains(self):
        self.make("a", b"one\ntwo needle\r\nneedle\n")
        self.make("b", b"nothing")
        self.make("c", b"")
        self.make("long", b"x" * 5000 + b"needle" + b"y" * 5000)
        self.make("bin", b"\0needle")
        self.make("ü", "größer\n".encode())
        self.make("latin", "größer".encode("latin-1"))
        answer = self.assert_ok(search_files("*", contains="needle"))
        self.assertEqual([match["path"] for match in answer["matches"]], ["a", "long"])
        self.assertEqual(
            (answer["matches"][0]["line"], answer["matches"][0]["text"]), (2, "two needle")
        )
        self.assertEqual(answer["skipped_binary"], 1)
        self.assertIn("needle", answer["matches"][1]["text"])
        self.assertLessEqual(len(answer["matches"][1]["text"]), 240)
        self.assertEqual(self.paths("*", contains="größer"), ["ü"])
        self.assertEqual(self.paths("*", contains="NEEDLE"), [])
        self.assertEqual(self.paths("*", contains="two.needle"), [])
        self.assertEqual(
            self.assert_ok(search_files("*", contains="one\ntwo"))["matches"][0]["line"], 1
        )

    def test_contains_reads_only_files(self):
        self.make("f", b"needle")
        self.make("out/of/reach", b"needle")
        os.symlink("f", "link")
        os.mkfifo("fifo")
        with Deadline(10), socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
            self.assertEqual(self.paths("*", contains="needle"), ["f"])
            self.assertEqual(self.paths("*", contains="needle", follow_links=True), ["f", "link"])
            self.assertEqual(self.paths("*"), ["f", "link"])
            real_open = os.open

            for replacement in ("fifo", "link"):

                def swap(path, flags, *args, replacement=replacement, **kwargs):
                    # What was a file when it was listed is a FIFO or a link when it is opened.
                    return real_open({"./f": replacement}.get(path, path), flags, *args, **kwargs)

                with mock.patch.object(walk.os, "open", swap):
                    answer = self.assert_ok(search_files("f", contains="needle"))
                self.assertEqual((answer["total"], answer["skipped"]), (0, 1))

    def test_contains_leaves_large_files_out_and_counts_them(self):
        with open("large", "wb") as file:
            file.truncate(walk.MAX_SEARCHED_FILE_BYTES + 1)
        answer = self.assert_ok(search_files("*", contains="x"))
        self.assertEqual((answer["total"], answer["skipped"]), (0, 1))

    def test_contains_undecodable(self):
        self.make("f", b"a \xff needle")
        self.assertEqual(
            self.assert_ok(search_files("*", contains="needle"))["matches"][0]["text"],
            "a \ufffd needle",
        )
        self.assertEqual(self.paths("*", contains="\udcff"), ["f"])
        self.assert_fails(search_files("*", contains="\ud800"), "argument.invalid")

    def test_pages(self):
        for number in range(25):
            self.make("f%02d" % number)
        offset, found, pages = 0, [], 0
        while offset is not None:
            answer = self.assert_ok(search_files("*", limit=10, offset=offset))
            self.assertEqual(answer["total"], 25)
            found += [match["path"] for match in answer["matches"]]
            offset = answer["next_offset"]
            self.assertEqual(
                answer["hint"], offset and "More matches: call again with offset=%d." % offset
            )
            pages += 1
        self.assertEqual((found, pages), (["f%02d" % number for number in range(25)], 3))
        self.assertIsNone(self.assert_ok(search_files("*", limit=25))["next_offset"])
        answer = self.assert_ok(search_files("*", offset=25))
        self.assertEqual((answer["matches"], answer["next_offset"]), ([], None))
        self.assertIn("past the last match", answer["hint"])

    def test_limit_is_clamped_and_says_so(self):
        for number in range(1001):
            self.make("f%04d" % number)
        answer = self.assert_ok(search_files("*", limit=5000))
        self.assertEqual(
            (answer["limit"], len(answer["matches"]), answer["next_offset"]), (1000, 1000, 1000)
        )
        self.assertIn("clamped from 5000 to 1000", answer["hint"])

    def test_hint_to_look_deeper(self):
        self.make("d/a.py")
        self.assertIn("'**/'", self.assert_ok(search_files("*.py"))["hint"])
        self.assertIsNone(self.assert_ok(search_files("**/*.rs"))["hint"])

    def test_links(self):
        self.make("d/f")
        os.symlink("d", "link")
        os.symlink("d/f", "file")
        os.symlink("nowhere", "dangling")
        os.symlink("self", "self")
        answer = self.assert_ok(search_files("**"))
        found = {match["path"]: match["type"] for match in answer["matches"]}
        self.assertEqual(
            found,
            {"d/f": "file", "link": "link", "file": "link", "dangling": "link", "self": "link"},
        )
        answer = self.assert_ok(search_files("**", follow_links=True))
        found = {match["path"]: match["type"] for match in answer["matches"]}
        self.assertEqual(
            found,
            {"d/f": "file", "link/f": "file", "file": "file", "dangling": "link", "self": "link"},
        )

    def test_link_loops_end(self):
        self.make("a/b/f")
        os.symlink("..", "a/b/up")
        os.symlink(self.root, "a/b/top")
        os.symlink(".", "here")
        with Deadline(30):
            answer = self.assert_ok(search_files("**", follow_links=True))
        self.assertIs(answer["incomplete"], False)
        self.assertEqual([match["path"] for match in answer["matches"]], ["a/b/f"])

    def test_a_directory_reached_twice_is_searched_under_both_paths(self):
        self.make("real/x.py")
        os.symlink("real", "alias")
        self.assertEqual(self.paths("real/x.py", follow_links=True), ["real/x.py"])
        self.assertEqual(self.paths("**/x.py", follow_links=True), ["alias/x.py", "real/x.py"])

    def test_links_that_multiply_are_bounded(self):
        for level in range(12):
            os.makedirs("l%d" % level)
            for number in range(6):
                os.symlink("../l%d" % (level + 1), "l%d/n%d" % (level, number))
        with Deadline(60):
            answer = self.assert_ok(
                search_files("**/none", "l0", follow_links=True, max_entries=20_000)
            )
        self.assertIs(answer["incomplete"], True)
        self.assertEqual(answer["scanned"], 20_000)

    def test_max_entries(self):
        for directory in "abc":
            for number in range(10):
                self.make("%s/f%d" % (directory, number))
        everything = self.paths("**")
        for bound in range(1, 40):
            answer = self.assert_ok(search_files("**", max_entries=bound))
            found = [match["path"] for match in answer["matches"]]
            self.assertIs(answer["incomplete"], bound < 33)
            self.assertLessEqual(answer["scanned"], bound)
            if bound in (3, 13, 23, 33):
                self.assertEqual(found, everything[: bound - 3])
            self.assertTrue(set(found) <= set(everything))
            if bound < 33:
                self.assertIn("max_entries", answer["hint"])

    def test_timeout(self):
        for number in range(100):
            self.make("d%d/f" % number)
        clock = iter(range(10_000))
        with mock.patch.object(module.time, "monotonic", lambda: next(clock)):
            answer = self.assert_ok(search_files("**", timeout_s=50))
        self.assertIs(answer["incomplete"], True)
        self.assertIn("timeout_s", answer["hint"])
        self.assertGreater(answer["total"], 0)
        self.assertLess(answer["total"], 100)

    def test_unreadable_directories_are_counted(self):
        self.make("open/f", b"x")
        self.make("closed/f", b"x")
        self.make("secret", b"x")
        os.chmod("closed", 0)
        os.chmod("secret", 0)
        answer, grep = in_child(
            lambda: [search_files("**"), search_files("**", contains="x")], as_nobody=True
        )
        os.chmod("closed", 0o755)
        self.assertEqual(
            [match["path"] for match in self.assert_ok(answer)["matches"]], ["open/f", "secret"]
        )
        self.assertEqual(answer["skipped"], 1)
        self.assertEqual([match["path"] for match in self.assert_ok(grep)["matches"]], ["open/f"])
        self.assertEqual(grep["skipped"], 2)

    def test_deep_tree(self):
        # Deeper than Python's recursion limit allows frames, and deeper than a path can be long.
        depth = 3000
        os.mkdir("deep")
        fd = os.open("deep", os.O_RDONLY)
        for _ in range(depth):
            os.mkdir("d", dir_fd=fd)
            below = os.open("d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        answer = self.assert_ok(search_files("**", "deep"))
        self.assertEqual((answer["total"], answer["skipped"]), (0, 1))
        # shutil.rmtree recurses in older versions of Python.
        os.system("rm -rf deep")

    def test_tree_that_changes_meanwhile(self):
        stop = threading.Event()

        def churn():
            while not stop.is_set():
                for number in range(20):
                    self.make("t%d/f" % number, b"x")
                for number in range(20):
                    os.unlink("t%d/f" % number)
                    os.rmdir("t%d" % number)

        self.make("kept/f", b"x")
        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(100):
                self.assertIn("kept/f", self.paths("**", contains="x"))
        finally:
            stop.set()
            thread.join()

    def test_names_that_are_not_utf8(self):
        self.make(os.fsdecode(b"bad\xff\n"), b"x")
        (path,) = self.paths("bad*")
        self.assertEqual(self.assert_ok(read_file(path))["content"], "x")

    def test_invalid_arguments(self):
        for pattern in (
            None,
            1,
            b"*",
            "",
            "/",
            "/etc/*",
            "../*",
            "a/../b",
            "a//b",
            "a/",
            ".",
            "a\0",
            "x" * 1025,
            ["*"],
        ):
            self.assert_fails(search_files(pattern), "argument.invalid", "search_files pattern")
        for root in (None, 1, b".", "", "a\0b"):
            self.assert_fails(search_files("*", root), "argument.invalid", "search_files root")
        for name, values in (
            ("contains", ("", 1, b"x", "x" * 4097)),
            ("limit", (0, -1, True, "10", None, 1.5)),
            ("offset", (-1, True, "0", None)),
            ("include_hidden", (1, "no", None)),
            ("follow_links", (1, "no", None)),
            ("max_entries", (0, True, module.MAX_ENTRIES_CEILING + 1)),
            ("timeout_s", (0, -1, float("nan"), float("inf"), True, "10", None)),
        ):
            for value in values:
                self.assert_fails(
                    search_files("*", **{name: value}), "argument.invalid", "search_files " + name
                )
