import errno
import os
import re
import unittest

from apts import ERROR_CODES
from apts.result import MAX_QUOTED_CHARACTERS, Refusal, quote, refusal_of_os_error

from .workspace import PYTHON_DIRECTORY

REGISTRY = os.path.join(os.path.dirname(PYTHON_DIRECTORY), "packages", "protocol", "src", "reasons")
#: Codes for which the product has no reason of its own, since only this library has the case.
OWN_CODES = {"file.changed", "file.is-symlink", "file.not-regular", "file.too-large"}


class ResultTest(unittest.TestCase):
    def test_codes_are_pinned(self):
        self.assertEqual(
            sorted(ERROR_CODES),
            [
                "argument.invalid",
                "file.changed",
                "file.denied",
                "file.exists",
                "file.failed",
                "file.is-directory",
                "file.is-symlink",
                "file.no-space",
                "file.not-directory",
                "file.not-found",
                "file.not-regular",
                "file.too-large",
            ],
        )

    def test_codes_are_those_of_the_product(self):
        if not os.path.exists(REGISTRY):
            self.skipTest("the package stands alone: no " + REGISTRY)
        reasons = set()
        for name in os.listdir(REGISTRY):
            with open(os.path.join(REGISTRY, name), encoding="utf-8") as file:
                reasons.update(re.findall(r"^\s*'([a-z.-]+)':", file.read(), re.MULTILINE))
        self.assertEqual(set(ERROR_CODES) - OWN_CODES - reasons, set())

    def test_readme_lists_every_code(self):
        with open(os.path.join(PYTHON_DIRECTORY, "README.md"), encoding="utf-8") as file:
            listed = dict(re.findall(r"^\| `([a-z.-]+)` +\| (.+?) +\|$", file.read(), re.MULTILINE))
        self.assertEqual(listed, dict(ERROR_CODES))

    def test_unknown_code_is_a_bug(self):
        with self.assertRaises(KeyError):
            Refusal("file.lost", "m", "h")

    def test_quote_neutralises_terminal_escapes(self):
        for value in ("\x1b]0;x\x07", "\x9b31m", "a\u202eb", "a\nb", "\ud800", b"\x1b[2J"):
            quoted = quote(value)
            self.assertTrue(quoted.isprintable(), quoted)
            quoted.encode("utf-8")

    def test_quote_is_bounded(self):
        for value in (
            "x" * 10**6,
            "\x1b" * 10**6,
            b"x" * 10**6,
            10**5000,
            1.5,
            None,
            [1] * 10**6,
            object(),
        ):
            self.assertLessEqual(len(quote(value)), MAX_QUOTED_CHARACTERS)

    def test_every_errno_has_an_answer(self):
        for number in [*errno.errorcode, 0, 99999]:
            failure = refusal_of_os_error("x path", "p", OSError(number, "")).failure
            self.assertIn(failure["error"]["code"], ERROR_CODES)
            self.assertNotIn("\n", failure["error"]["message"])
        self.assertEqual(
            refusal_of_os_error("x path", "p", OSError("no number")).failure["error"]["code"],
            "file.failed",
        )
        self.assertEqual(
            refusal_of_os_error("x path", "p", PermissionError("")).failure["error"]["code"],
            "file.denied",
        )
