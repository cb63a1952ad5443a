import ast
import json
import os
import shutil
import subprocess
import sys
import typing

import apts

from .workspace import PYTHON_DIRECTORY, TemporaryMount, WorkspaceTest, run_python

PACKAGE = os.path.join(PYTHON_DIRECTORY, "apts")
SOURCES = sorted(
    os.path.join(PACKAGE, name) for name in os.listdir(PACKAGE) if name.endswith(".py")
)
#: Modules that are slow to load or reach outside; none is needed for three file operations.
NOT_IMPORTED = {
    "asyncio",
    "ctypes",
    "dataclasses",
    "inspect",
    "logging",
    "pathlib",
    "random",
    "shutil",
    "socket",
    "subprocess",
}
NOT_IMPORTED |= {"base64", "json", "tempfile", "threading", "urllib"}


class PackageTest(WorkspaceTest):
    def test_public_surface_is_pinned(self):
        functions = ["read_file", "search_files", "write_file"]
        types = [
            "ErrorInfo",
            "Failure",
            "ReadFileSuccess",
            "SearchFilesSuccess",
            "SearchMatch",
            "WriteFileSuccess",
        ]
        self.assertEqual(sorted(apts.__all__), sorted(["ERROR_CODES", *functions, *types]))
        for name in functions:
            function = getattr(apts, name)
            self.assertTrue(callable(function))
            for argument in typing.get_type_hints(function):
                if argument != "return":
                    self.assertIn(":param %s:" % argument, function.__doc__)
            self.assertIn(":returns:", function.__doc__)

    def test_answers_have_the_keys_of_their_types(self):
        self.make("f", b"x")
        for answer, shape in (
            (apts.read_file("f"), apts.ReadFileSuccess),
            (apts.write_file("g", "x"), apts.WriteFileSuccess),
            (apts.search_files("*"), apts.SearchFilesSuccess),
            (apts.search_files("*")["matches"][0], apts.SearchMatch),
            (apts.read_file("none"), apts.Failure),
            (apts.read_file("none")["error"], apts.ErrorInfo),
        ):
            self.assertEqual(list(answer), list(shape.__annotations__))

    def test_docstrings_name_every_code_a_function_can_answer(self):
        for function in (apts.read_file, apts.write_file, apts.search_files):
            for code in (
                "argument.invalid",
                "file.not-found",
                "file.denied",
                "file.not-directory",
                "file.failed",
            ):
                self.assertIn("``%s``" % code, function.__doc__)

    def test_syntax_and_annotations_of_python_3_9(self):
        for path in SOURCES:
            with open(path, encoding="utf-8") as file:
                source = file.read()
            ast.parse(source, path, feature_version=(3, 9))
            if not path.endswith("__init__.py"):
                self.assertIn("from __future__ import annotations", source, path)
            self.assertLess(source.count("\n"), 300, path)

    def test_only_the_standard_library(self):
        names = set()
        for path in SOURCES:
            with open(path, encoding="utf-8") as file:
                for node in ast.walk(ast.parse(file.read())):
                    if isinstance(node, ast.Import):
                        names |= {alias.name for alias in node.names}
                    elif isinstance(node, ast.ImportFrom) and node.level == 0:
                        names.add(node.module)
        self.assertEqual(
            names,
            {
                "__future__",
                "base64",
                "codecs",
                "errno",
                "fnmatch",
                "functools",
                "json",
                "os",
                "re",
                "stat",
                "sys",
                "time",
            }
            | {"types", "typing"},
        )

    def test_import_is_light_and_without_side_effects(self):
        program = (
            "import json, os, sys; sys.path.insert(0, %r); before = set(sys.modules)\n"
            "environment, path, directory = dict(os.environ), list(sys.path), os.getcwd()\n"
            "import apts\n"
            "assert (environment, path, directory) == (dict(os.environ), sys.path, os.getcwd())\n"
            "print(json.dumps(sorted(set(sys.modules) - before)))" % PYTHON_DIRECTORY
        )
        done = run_python("-I", "-B", "-S", "-c", program)
        self.assertEqual(done.stderr, b"")
        loaded = set(json.loads(done.stdout))
        self.assertEqual(loaded & NOT_IMPORTED, set())

    def test_runs_from_a_copy_that_cannot_be_written(self):
        with TemporaryMount(self, "mounted", "size=1m") as mounted:
            shutil.copytree(PACKAGE, "mounted/apts", ignore=shutil.ignore_patterns("__pycache__"))
            mounted.remount("ro")
            environment = {"PYTHONPATH": os.path.join(self.root, "mounted")}
            done = run_python(
                "-m",
                "apts",
                "search_files",
                '{"pattern": "*"}',
                cwd=self.root,
                environment=environment,
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(os.listdir("mounted"), ["apts"])
            self.assertNotIn("__pycache__", os.listdir("mounted/apts"))

    def test_runs_from_a_managed_virtual_environment(self):
        done = run_python("-m", "venv", "--without-pip", "venv", cwd=self.root, environment={})
        self.assertEqual(done.returncode, 0, done.stderr)
        python = os.path.join(self.root, "venv", "bin", "python3")
        site = run_python(
            "-I",
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
            python=python,
            environment={},
        )
        with open(
            os.path.join(site.stdout.decode().strip(), "apts.pth"), "w", encoding="utf-8"
        ) as file:
            file.write(PYTHON_DIRECTORY + "\n")
        self.make("workspace/f", b"x")
        # A project's own files are hostile: with -I the working directory is no place to import
        # from.
        self.make("workspace/json.py", b"raise SystemExit(99)")
        done = run_python(
            "-I",
            "-B",
            "-m",
            "apts",
            "read_file",
            '{"path": "f"}',
            cwd="workspace",
            environment={},
            python=python,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(json.loads(done.stdout)["content"], "x")
        # The twin: the interpreter that the environment was made from has no such package.
        done = run_python("-I", "-c", "import apts", environment={})
        self.assertIn(b"ModuleNotFoundError", done.stderr)

    def test_version_has_one_source(self):
        with open(os.path.join(PYTHON_DIRECTORY, "pyproject.toml"), encoding="utf-8") as file:
            self.assertIn('version = { attr = "apts.__version__" }', file.read())
        self.assertRegex(apts.__version__, r"^\d+\.\d+\.\d+$")

    def test_fork_gives_fresh_temporary_names(self):
        program = (
            "import os, apts\n"
            "pid = os.fork()\n"
            "ok = all(apts.write_file('f%d' % i, 'x', overwrite=True)['ok'] for i in range(50))\n"
            "os._exit(not ok) if pid == 0 else None\n"
            "raise SystemExit(os.waitpid(pid, 0)[1] or not ok)"
        )
        environment = {"PYTHONPATH": PYTHON_DIRECTORY, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=self.root)
        self.assertEqual(done.returncode, 0)
