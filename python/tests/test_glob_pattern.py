import os
import pathlib

from apts import search_files

from .workspace import Deadline, WorkspaceTest


class GlobPatternTest(WorkspaceTest):
    def paths(self, *args, **kwargs):
        return [match["path"] for match in self.assert_ok(search_files(*args, **kwargs))["matches"]]

    def test_patterns(self):
        for path in (
            "a.py",
            "b.txt",
            "src/a.py",
            "src/deep/er/a.py",
            "src/deep/x[1].py",
            "test/a.py",
        ):
            self.make(path)
        everything = [
            "a.py",
            "b.txt",
            "src/a.py",
            "src/deep/er/a.py",
            "src/deep/x[1].py",
            "test/a.py",
        ]
        for pattern, expected in (
            ("*.py", ["a.py"]),
            ("./*.py", ["a.py"]),
            ("**/*.py", [path for path in everything if path.endswith("py")]),
            ("**", everything),
            ("**/**/**/*", everything),
            ("src/**", everything[2:5]),
            ("src/**/a.py", ["src/a.py", "src/deep/er/a.py"]),
            ("**/deep/**/a.py", ["src/deep/er/a.py"]),
            ("*/a.py", ["src/a.py", "test/a.py"]),
            ("?.[pt]*", ["a.py", "b.txt"]),
            ("[!a].*", ["b.txt"]),
            ("**/x[[]1].py", ["src/deep/x[1].py"]),
            ("**/x[1].py", []),
            ("src", []),
            ("*.PY", []),
            ("{a,b}.*", []),
            ("src\\*", []),
        ):
            with self.subTest(pattern=pattern):
                self.assertEqual(self.paths(pattern), expected)

    def test_random_trees_against_pathlib(self):
        # pathlib's glob is a second opinion on what matches; order and bounds are checked by
        # themselves.
        for _ in range(60):
            names = ["a", "b", "ab", ".h", "a.py", "é"]
            base = "t%d" % self.random.getrandbits(32)
            os.mkdir(base)
            for _ in range(self.random.randrange(15)):
                parts = [self.random.choice(names) for _ in range(self.random.randint(1, 4))]
                try:
                    self.make(os.path.join(base, *parts))
                except OSError:
                    pass  # A file stands where a directory is wanted, or the other way round.
            for _ in range(8):
                parts = [
                    self.random.choice(["*", "**", "a*", "?", "[ab]", "*.py", "é"])
                    for _ in range(self.random.randint(1, 4))
                ]
                pattern = "/".join(parts)
                as_pathlib = pattern + "/*" if parts[-1] == "**" else pattern
                expected = {
                    path.as_posix()
                    for path in pathlib.Path(base).glob(as_pathlib)
                    if path.is_file()
                }
                found = self.paths(pattern, base, include_hidden=True, limit=1000)
                self.assertEqual(set(found), expected, pattern)
                self.assertEqual(found, sorted(found, key=lambda path: path.split("/")))
                visible = {path for path in expected if "/." not in path}
                self.assertEqual(set(self.paths(pattern, base, limit=1000)), visible, pattern)

    def test_hidden(self):
        for path in (".env", ".git/config", "a/.x/b", "a/c"):
            self.make(path)
        self.assertEqual(self.paths("**"), ["a/c"])
        self.assertEqual(
            self.paths("**", include_hidden=True), [".env", ".git/config", "a/.x/b", "a/c"]
        )
        self.assertEqual(self.paths(".git/*"), [".git/config"])
        self.assertEqual(self.paths(".*"), [".env"])
        self.assertEqual(self.paths("[.]env"), [])
        self.assertEqual(self.paths("*", ".git"), [".git/config"])

    def test_patterns_that_blow_up_elsewhere(self):
        self.make("a" * 250)
        self.make("/".join("a" * 60) + "/a")
        with Deadline(10):
            self.assertEqual(self.paths("*a" * 100 + "b"), [])
            self.assertEqual(self.paths("/".join(["**", "a"] * 50 + ["b"])), [])

    def test_any_pattern_has_an_answer(self):
        self.make("a/b")
        for _ in range(3000):
            pattern = "".join(
                self.random.choice("ab*?[]!-/.^\\&~|{}") for _ in range(self.random.randrange(12))
            )
            self.assertIn(search_files(pattern)["ok"], (True, False))
