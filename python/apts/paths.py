"""Paths from callers, and directories held open while several steps act in them."""

from __future__ import annotations

import os
import stat
from types import TracebackType
from typing import List, Optional, Type

from .arguments import invalid
from .result import Refusal, quote

#: Opening never waits (a FIFO has no writer) and never becomes the controlling terminal or a
#: child's descriptor.
OPEN_FLAGS = (
    getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)


def check_path(what: str, value: object) -> str:
    """The path as a str.

    :param value: a str or an ``os.PathLike`` of str. Relative paths count from the working
        directory; ``~`` is an ordinary name. A name that is not UTF-8 is spelled with Python's
        surrogate escapes (PEP 383), as ``search_files`` returns it.
    """
    try:
        path = os.fspath(value)  # type: ignore[call-overload]
    except TypeError:
        path = None
    if not isinstance(path, str) or not path:
        raise invalid(what, value, "a path as a string that is not empty")
    if "\0" in path:
        raise invalid(what, value, "a path without a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise invalid(what, value, "a path that can be encoded") from None
    return path


def check_regular(what: str, path: str, mode: int) -> None:
    """Refuses what is not a regular file.

    :param mode: ``st_mode`` of the file that is meant.
    """
    if stat.S_ISDIR(mode):
        raise Refusal(
            "file.is-directory",
            "%s: %s (expected a file, found a directory)." % (what, quote(path)),
            "Name a file inside the directory; search_files lists them.",
        )
    if not stat.S_ISREG(mode):
        kind = {
            stat.S_IFIFO: "FIFO",
            stat.S_IFSOCK: "socket",
            stat.S_IFCHR: "device",
            stat.S_IFBLK: "device",
        }
        found = kind.get(stat.S_IFMT(mode), "special file")
        raise Refusal(
            "file.not-regular",
            "%s: %s (expected a regular file, found a %s)." % (what, quote(path), found),
            "FIFOs, sockets and devices are not supported.",
        )


class OpenDirectory:
    """A directory held open, so that all steps act in the same one even when its path is renamed or
    swapped meanwhile.

    Where the system has no such descriptors (Windows), the steps go by path.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd: Optional[int] = None
        if os.open in os.supports_dir_fd and os.link in os.supports_dir_fd:
            # O_PATH needs no permission to list the directory. Systems without it need that
            # permission.
            flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
            self.fd = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))

    def at(self, name: str) -> str:
        """What to pass, together with ``dir_fd=self.fd``, for the entry ``name``."""
        return name if self.fd is not None else os.path.join(self.path, name)

    def sync(self) -> bool:
        """Asks the system to store the directory's entries; False when it cannot (no read
        permission, no support)."""
        if self.fd is None:
            return False
        try:
            fd = os.open(
                ".", os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_CLOEXEC", 0), dir_fd=self.fd
            )
        except OSError:
            return False
        try:
            os.fsync(fd)
            return True
        except OSError:
            return False
        finally:
            os.close(fd)

    def __enter__(self) -> OpenDirectory:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def make_directories(path: str, created: List[str]) -> None:
    """Makes ``path`` and its missing parents, mode 0777 less the umask.

    :param created: gets each directory this call made, outermost first, also when a later one
        fails.
    """
    missing = []
    probe = path
    while probe:
        try:
            os.stat(probe)
            break
        except FileNotFoundError:
            missing.append(probe)
            probe = os.path.dirname(probe)
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:
            # Another process made it. If it is no directory, the next step fails and says so.
            continue
        created.append(directory)


def remove_directories(created: List[str]) -> None:
    """Takes back what :func:`make_directories` made, as far as it is still empty."""
    for directory in reversed(created):
        try:
            os.rmdir(directory)
        except OSError:
            return
