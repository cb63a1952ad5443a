"""Going through a directory tree in a fixed order, within bounds."""

from __future__ import annotations

import os
import stat
import time
from typing import Iterator, List, Optional, Tuple

from .glob_pattern import GlobPattern, Positions
from .paths import OPEN_FLAGS

#: Larger files are not searched for ``contains``.
MAX_SEARCHED_FILE_BYTES = 16 * 1024 * 1024

_CHUNK_BYTES = 1024 * 1024


class FoundFile:
    """A file whose name matches, and the directory entry it was found by."""

    __slots__ = ("entry", "is_link", "relative")

    def __init__(self, relative: str, entry: os.DirEntry[str], is_link: bool) -> None:
        self.relative = relative
        self.entry = entry
        self.is_link = is_link


class FileWalk:
    """Goes through the tree in order and counts what it meets."""

    def __init__(
        self, root: str, glob: GlobPattern, follow_links: bool, max_entries: int, deadline: float
    ) -> None:
        self._root = root
        self._glob = glob
        self._follow_links = follow_links
        self._max_entries = max_entries
        self._deadline = deadline
        self.scanned = 0
        self.skipped = 0
        self.stopped_by: Optional[str] = None

    def files(self) -> Iterator[FoundFile]:
        """Each file whose name matches. Raises OSError when root cannot be listed, and for nothing
        else."""
        root = os.stat(self._root)
        # A stack of its own: the depth of a tree is not bounded by Python's recursion limit.
        stack: List[Tuple[Iterator[os.DirEntry[str]], str, Positions, Tuple[int, int]]] = [
            (iter(self._list(self._root)), "", self._glob.start(), (root.st_dev, root.st_ino))
        ]
        while stack:
            entries, above, positions, _ = stack[-1]
            entry = next(entries, None)
            if entry is None:
                # What follows the directory at which the search stopped would no longer be a
                # beginning of the order.
                if self.stopped_by is not None:
                    return
                stack.pop()
                continue
            if self.stopped_by == "timeout_s" or time.monotonic() > self._deadline:
                self.stopped_by = "timeout_s"
                return
            reached = self._glob.step(positions, entry.name)
            if not reached:
                continue
            relative = above + entry.name
            kind, is_link, identity = self._look_at(entry)
            if kind == "file":
                if self._glob.is_match(reached):
                    yield FoundFile(relative, entry, is_link)
            elif (
                kind == "directory" and self.stopped_by is None and self._glob.can_continue(reached)
            ):
                # Following links, a directory may lie inside itself; only its ancestors tell, since
                # the same directory under another path is another set of matches.
                if identity is not None and any(identity == level[3] for level in stack):
                    continue
                try:
                    below = self._list(entry.path)
                except OSError:
                    self.skipped += 1
                    continue
                stack.append((iter(below), relative + "/", reached, identity or (0, 0)))

    def _list(self, path: str) -> List[os.DirEntry[str]]:
        """The entries in order, as many as may still be looked at."""
        room = self._max_entries - self.scanned
        listed: List[os.DirEntry[str]] = []
        with os.scandir(path) as entries:
            for entry in entries:
                if len(listed) == room:
                    self.stopped_by = "max_entries"
                    break
                listed.append(entry)
                if not len(listed) % 1024 and time.monotonic() > self._deadline:
                    self.stopped_by = "timeout_s"
                    break
        # Counted when listed: all lists on the stack together hold no more than max_entries.
        self.scanned += len(listed)
        listed.sort(key=lambda entry: entry.name)
        return listed

    def _look_at(self, entry: os.DirEntry[str]) -> Tuple[str, bool, Optional[Tuple[int, int]]]:
        """What it is ("file", "directory", "other"); whether it is a link that is not followed; and
        which directory it is, for loops."""
        is_link = False
        try:
            is_link = entry.is_symlink()
            if not self._follow_links:
                if is_link or entry.is_file(follow_symlinks=False):
                    return "file", is_link, None
                return (
                    ("directory" if entry.is_dir(follow_symlinks=False) else "other"),
                    False,
                    None,
                )
            # os.stat, since DirEntry.stat() has no st_dev and st_ino on Windows.
            found = os.stat(entry.path)
        except OSError:
            # A link that leads nowhere, to itself, or to where this process may not look, is still
            # a name.
            if is_link:
                return "file", True, None
            self.skipped += 1
            return "other", False, None
        if stat.S_ISDIR(found.st_mode):
            return "directory", False, (found.st_dev, found.st_ino)
        return ("file" if stat.S_ISREG(found.st_mode) else "other"), False, None

    def read(self, entry: os.DirEntry[str]) -> Optional[bytes]:
        """The content of a regular file; None, and counted, when it cannot be read or is too
        large."""
        flags = (
            os.O_RDONLY | OPEN_FLAGS | (0 if self._follow_links else getattr(os, "O_NOFOLLOW", 0))
        )
        try:
            fd = os.open(entry.path, flags)
            try:
                found = os.fstat(fd)
                # SAFETY: the name may mean a FIFO or a device by now
                # (test_search_files.test_contains_reads_only_files).
                if stat.S_ISREG(found.st_mode) and found.st_size <= MAX_SEARCHED_FILE_BYTES:
                    data = bytearray()
                    while len(data) <= MAX_SEARCHED_FILE_BYTES:
                        piece = os.read(fd, _CHUNK_BYTES)
                        if not piece:
                            return bytes(data)
                        data += piece
            finally:
                os.close(fd)
        except OSError:
            pass
        self.skipped += 1
        return None
