"""The shape of a failed call, the closed list of its codes, and the way from an ``OSError`` to one
of them."""

from __future__ import annotations

import errno
import os
from typing import Dict, Literal, Mapping, Optional, TypedDict, Union

#: Every code a call can fail with, and when. The names are those of the product's error registry.
ERROR_CODES: Mapping[str, str] = {
    "argument.invalid": "An argument has the wrong type, is out of range, unknown or missing.",
    "file.changed": "The file changed during every attempt to read it. A later call may succeed.",
    "file.denied": "The kernel denied access, or the file is write-protected.",
    "file.exists": "Something has that path already, and overwrite is False.",
    "file.failed": "Another error of the kernel during a file operation.",
    "file.is-directory": "A file was expected; the path is a directory.",
    "file.is-symlink": "The path to write is a symbolic link; it is neither followed nor replaced.",
    "file.no-space": "The file system is full or a quota is used up.",
    "file.not-directory": "A directory was expected, as the root or inside a path.",
    "file.not-found": "Nothing has that path, or a directory of it is missing.",
    "file.not-regular": "The path is a FIFO, a socket or a device.",
    "file.too-large": "The file or the content exceeds max_bytes.",
}

#: The longest part of a caller's value that a message repeats, in characters.
MAX_QUOTED_CHARACTERS = 200


class ErrorInfo(TypedDict):
    """Why a call failed."""

    code: str
    """One of :data:`ERROR_CODES`. Decide by this, never by the message."""
    message: str
    """*What failed: value (expected).* For a person; control characters in values are escaped."""
    hint: str
    """What to do about it."""
    context: Dict[str, Union[int, str]]
    """The facts of this failure as data, such as ``size`` and ``max_bytes`` in bytes; often
    empty."""


class Failure(TypedDict):
    """The answer of a call that did not do what it was asked."""

    ok: Literal[False]
    error: ErrorInfo


class Refusal(Exception):
    """Carries a :class:`Failure` from where it is found to the function that answers with it. Never
    reaches a caller."""

    def __init__(
        self,
        code: str,
        message: str,
        hint: str,
        context: Optional[Dict[str, Union[int, str]]] = None,
    ) -> None:
        super().__init__(message)
        if code not in ERROR_CODES:
            raise KeyError(code)
        self.failure: Failure = {
            "ok": False,
            "error": {"code": code, "message": message, "hint": hint, "context": context or {}},
        }


def quote(value: object) -> str:
    """``value`` for a message: its repr, at most :data:`MAX_QUOTED_CHARACTERS` long.

    SAFETY: repr escapes control characters, bidirectional overrides and lone surrogates, so a file
    name cannot act on the terminal of whoever reads the message
    (test_result.test_quote_neutralises_terminal_escapes).
    """
    if isinstance(value, (str, bytes)):
        text = repr(value[: MAX_QUOTED_CHARACTERS + 1])
    elif isinstance(value, int) and value.bit_length() > 256:
        text = "an integer of %d bits" % value.bit_length()
    else:
        text = (
            repr(value)
            if isinstance(value, (bool, int, float, type(None)))
            else "a " + type(value).__name__
        )
    return text if len(text) <= MAX_QUOTED_CHARACTERS else text[: MAX_QUOTED_CHARACTERS - 1] + "…"


# errno → (code, what was expected, hint)
_OS_ERRORS = {
    errno.ENOENT: (
        "file.not-found",
        "an existing path",
        "Check the path; search_files lists what is there.",
    ),
    errno.EEXIST: (
        "file.exists",
        "a path that is not taken",
        "Pass overwrite=True to replace a file, or choose another path.",
    ),
    errno.EACCES: (
        "file.denied",
        "a path this process may use",
        "Choose a path inside the workspace, or ask for access.",
    ),
    errno.EPERM: (
        "file.denied",
        "a path this process may use",
        "Choose a path inside the workspace, or ask for access.",
    ),
    errno.EROFS: (
        "file.denied",
        "a writable file system",
        "Choose a path inside the workspace, or ask for access.",
    ),
    errno.EISDIR: (
        "file.is-directory",
        "a file",
        "Name a file inside the directory; search_files lists them.",
    ),
    errno.ENOTDIR: (
        "file.not-directory",
        "a directory in each part but the last",
        "Check the path: a part of it is a file.",
    ),
    errno.ENOSPC: (
        "file.no-space",
        "room on the file system",
        "Remove files that are no longer needed, then call again.",
    ),
    errno.EFBIG: (
        "file.too-large",
        "a size the system allows",
        "Write less, or split the content into several files.",
    ),
    errno.ENAMETOOLONG: (
        "argument.invalid",
        "a shorter path",
        "Names are limited to 255 bytes and paths to 4095 on most systems.",
    ),
    errno.ENXIO: (
        "file.not-regular",
        "a regular file",
        "FIFOs, sockets and devices are not supported.",
    ),
    errno.EBUSY: (
        "file.failed",
        "a file that can be replaced",
        "The path may be a mount point; write to another path.",
    ),
    errno.ELOOP: (
        "file.failed",
        "a path without a loop of links",
        "Remove the symbolic link that leads back to itself.",
    ),
}
if hasattr(errno, "EDQUOT"):
    _OS_ERRORS[errno.EDQUOT] = _OS_ERRORS[errno.ENOSPC]


def refusal_of_os_error(
    what: str, value: object, error: OSError, hints: Optional[Mapping[str, str]] = None
) -> Refusal:
    """The refusal that says what ``error`` means.

    :param what: the function and argument, such as ``"read_file path"``.
    :param value: the argument's value; the file name in ``error`` may be a temporary one and is not
        shown.
    :param hints: code → a hint that fits the call better than the general one.
    """
    number = error.errno or 0
    code, expected, hint = _OS_ERRORS.get(
        number,
        (
            "file.failed",
            "no error",
            "The reason is in the message; another path or a later call may succeed.",
        ),
    )
    # Python maps several numbers to these classes; on Windows the number alone does not tell.
    if number not in _OS_ERRORS and isinstance(error, PermissionError):
        code, expected, hint = _OS_ERRORS[errno.EACCES]
    reason = os.strerror(number) if number else type(error).__name__
    message = "%s: %s (expected %s; the system says: %s)." % (what, quote(value), expected, reason)
    name = errno.errorcode.get(number, "")
    return Refusal(code, message, (hints or {}).get(code, hint), {"errno": name} if name else {})
