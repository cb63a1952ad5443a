import io
import json
import os
import subprocess
import sys
from unittest import mock

from apts.__main__ import MAX_INPUT_BYTES, main

from .workspace import WorkspaceTest, run_python


class MainTest(WorkspaceTest):
    def call(self, *arguments, input=b""):
        sink = io.BytesIO()
        status = main(list(arguments), io.BytesIO(input), sink)
        output = sink.getvalue()
        self.assertTrue(output.isascii())
        self.assertEqual(output.count(b"\n"), 1)
        answer = json.loads(output)
        self.assertEqual(status, 0 if answer["ok"] else 1)
        return answer

    def test_as_a_process(self):
        done = run_python(
            "-m",
            "apts",
            "write_file",
            "-",
            input='{"path": "ü", "content": "é\\n"}'.encode(),
            cwd=self.root,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(self.content("ü"), "é\n".encode())
        done = run_python("-m", "apts", "read_file", '{"path": "ü"}', cwd=self.root)
        self.assertEqual(json.loads(done.stdout)["content"], "é\n")
        done = run_python("-m", "apts", "read_file", '{"path": "none"}', cwd=self.root)
        self.assertEqual((done.returncode, done.stderr), (1, b""))
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "file.not-found")

    def test_usage(self):
        for arguments in ([], ["remove_file", "{}"], ["read_file", "{}", "{}"], ["--version"]):
            done = run_python("-m", "apts", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"usage:", done.stderr)
        done = run_python("-m", "apts", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn(b"read_file, search_files, write_file", done.stdout)

    def test_arguments_from_argv_or_stdin(self):
        self.make("f", b"x")
        self.assert_ok(self.call("read_file", '{"path": "f"}'))
        self.assert_ok(self.call("read_file", input=b'{"path": "f"}'))
        self.assert_ok(self.call("read_file", "-", input=b' {"path": "f", "encoding": null}\n'))
        self.assertEqual(
            self.assert_ok(self.call("search_files", '{"pattern": "*", "contains": "x"}'))["total"],
            1,
        )

    def test_binary_round_trip(self):
        self.make("f", b"\0\xff")
        answer = self.assert_ok(self.call("read_file", '{"path": "f"}'))
        request = json.dumps(
            {"path": "g", "content": answer["content"], "encoding": answer["encoding"]}
        )
        self.assert_ok(self.call("write_file", input=request.encode()))
        self.assertEqual(self.content("g"), b"\0\xff")

    def test_what_is_not_an_object_of_arguments(self):
        for text in (
            "",
            "x",
            "[]",
            "null",
            '"path"',
            "1",
            "{",
            '{"path": NaN}',
            "[" * 100_000,
            "1" * 10_000,
            '{"path": "f"} x',
        ):
            self.assert_fails(self.call("read_file", text), "argument.invalid")
        self.assert_fails(self.call("read_file", "{}"), "argument.invalid", "path", "missing")
        self.assert_fails(
            self.call("read_file", '{"path": "a", "path": "b"}'), "argument.invalid", "twice"
        )
        self.assert_fails(
            self.call("read_file", '{"path": "f", "__class__": 1}'),
            "argument.invalid",
            "'__class__'",
        )
        self.assert_fails(self.call("read_file", '{"": 1}'), "argument.invalid")
        self.assert_fails(
            self.call("read_file", '{"path": "f", "self": 1, "args": [], "kwargs": {}}'),
            "argument.invalid",
        )
        self.assert_fails(self.call("read_file", input=b"\xff"), "argument.invalid", "UTF-8")

    def test_broken_arguments_are_not_repeated(self):
        answer = self.call("write_file", input=b'{"path": "f", "content": "hunter2",}')
        self.assert_fails(answer, "argument.invalid")
        self.assertNotIn("hunter2", json.dumps(answer))

    def test_input_is_bounded(self):
        class Endless(io.RawIOBase):
            def read(self, count=-1):
                assert 0 < count <= MAX_INPUT_BYTES + 1
                return b" " * count

        with mock.patch("apts.__main__.MAX_INPUT_BYTES", 1000):
            sink = io.BytesIO()
            self.assertEqual(main(["read_file"], Endless(), sink), 1)
        self.assert_fails(json.loads(sink.getvalue()), "argument.invalid", "at most 1000 bytes")

    def test_names_that_are_not_utf8(self):
        self.make("bad\udcff", b"x")
        found = self.assert_ok(self.call("search_files", '{"pattern": "bad*"}'))["matches"][0][
            "path"
        ]
        self.assert_ok(self.call("read_file", json.dumps({"path": found})))

    def test_any_locale(self):
        self.make("ü", "é".encode())
        for locale in (
            {},
            {"LC_ALL": "C"},
            {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "1"},
        ):
            environment = {
                "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                **locale,
            }
            done = subprocess.run(
                [sys.executable, "-B", "-m", "apts", "read_file", '{"path": "ü"}'],
                env=environment,
                stdout=subprocess.PIPE,
            )
            self.assertEqual(json.loads(done.stdout)["content"], "é")
