"""Finding files by name and content."""

from __future__ import annotations

import os
import time
from typing import List, Literal, Optional, Tuple, TypedDict, Union

from .arguments import answers, check_boolean, check_integer, check_seconds, check_string, invalid
from .file_walk import FileWalk, FoundFile
from .glob_pattern import GlobPattern
from .paths import check_path
from .result import Failure, refusal_of_os_error

#: The most matches in one answer.
MAX_LIMIT = 1000
#: The most that ``max_entries`` allows.
MAX_ENTRIES_CEILING = 10_000_000
#: The most seconds that ``timeout_s`` allows.
TIMEOUT_S_CEILING = 300.0
#: A NUL among so many first bytes makes a file binary, as in git.
BINARY_PROBE_BYTES = 8000

_LINE_BYTES_BEFORE = 80
_LINE_BYTES = 240


class SearchMatch(TypedDict):
    """One file that matches."""

    path: str
    """``root`` and the path below it, with ``/``: what to pass to ``read_file``. Only the latter
    when root is ``"."``."""
    type: Literal["file", "link"]
    """``"link"``: a symbolic link that was not followed, or leads nowhere."""
    size: Optional[int]
    """In bytes; None when it is gone since."""
    line: Optional[int]
    """The first line that contains the text, from 1. None without ``contains``."""
    text: Optional[str]
    """That line, or up to 240 bytes of it around the text, undecodable bytes as U+FFFD. None
    without ``contains``."""


class SearchFilesSuccess(TypedDict):
    """What ``search_files`` answers."""

    ok: Literal[True]
    matches: List[SearchMatch]
    """Sorted by path, component by component, by code point."""
    total: int
    """How many files match, on this and all other pages. A lower bound when ``incomplete``."""
    offset: int
    limit: int
    """The limit that held, after clamping."""
    next_offset: Optional[int]
    """The ``offset`` of the next page, None when this is the last."""
    incomplete: bool
    """True when the search stopped at ``max_entries`` or ``timeout_s``."""
    scanned: int
    """How many directory entries were listed."""
    skipped: int
    """How many directories and files could not be looked into: unreadable, or for ``contains``
    above 16 MiB."""
    skipped_binary: int
    """How many files were not searched for ``contains`` since they are binary."""
    hint: Optional[str]
    """What to do next, for the agent; None when there is nothing to say."""


@answers
def search_files(
    pattern: str,
    root: Union[str, os.PathLike[str]] = ".",
    *,
    contains: Optional[str] = None,
    limit: int = 100,
    offset: int = 0,
    include_hidden: bool = False,
    follow_links: bool = False,
    max_entries: int = 100_000,
    timeout_s: float = 10.0,
) -> Union[SearchFilesSuccess, Failure]:
    """Finds files below a directory by a glob pattern and, optionally, by a text they contain.

    Directories themselves are not matches, nor are FIFOs, sockets and devices. The order is the
    same on every system and a search that stops early has found a beginning of it (unless one
    directory alone exceeds ``max_entries``). Each page is a new search; files that come or go in
    between shift the pages.

    :param pattern: of paths below root, such as ``*.py`` (in root itself) or ``**/*.py`` (at any
        depth); see :class:`~apts.glob_pattern.GlobPattern`. 1 to 1024 characters.
    :param root: the directory to search; default the working directory. May be a symbolic link.
    :param contains: a text, as it stands (no regular expression), case counts, compared as UTF-8
        bytes. Up to 4096 characters. Binary files never match. Default None: names only.
    :param limit: matches per page, from 1; above 1000 it is clamped to 1000 and the hint says so.
        Default 100: a page that an agent can read.
    :param offset: how many matches to leave out, from 0. Default 0.
    :param include_hidden: True lets ``*``, ``?`` and ``**`` match names that begin with a dot.
        Default False: ``.git`` and ``.venv`` are rarely meant. A pattern that spells the dot finds
        them either way.
    :param follow_links: True follows symbolic links to files and directories; a directory inside
        itself is entered once only. Default False: links may lead out of root. They are then listed
        by name and not searched for a text.
    :param max_entries: stop after so many directory entries, 1 to 10,000,000. Default 100,000: a
        large repository.
    :param timeout_s: stop after so many seconds, above 0, at most 300. Default 10.
    :returns: :class:`SearchFilesSuccess`, or a failure with ``argument.invalid``,
        ``file.not-found``, ``file.not-directory``, ``file.denied`` or ``file.failed``, each about
        root or an argument. What cannot be read below root is counted in ``skipped``.
    """
    root = check_path("search_files root", root)
    include_hidden = check_boolean("search_files include_hidden", include_hidden)
    follow_links = check_boolean("search_files follow_links", follow_links)
    glob = GlobPattern("search_files pattern", pattern, include_hidden)
    needle = None
    if contains is not None:
        text = check_string("search_files contains", contains, 4096)
        try:
            needle = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise invalid("search_files contains", text, "text that UTF-8 can encode") from None
    asked_limit = check_integer("search_files limit", limit, 1, 2**63 - 1)
    limit = min(asked_limit, MAX_LIMIT)
    offset = check_integer("search_files offset", offset, 0, 2**63 - 1)
    max_entries = check_integer("search_files max_entries", max_entries, 1, MAX_ENTRIES_CEILING)
    timeout_s = check_seconds("search_files timeout_s", timeout_s, TIMEOUT_S_CEILING)

    walk = FileWalk(root, glob, follow_links, max_entries, time.monotonic() + timeout_s)
    prefix = "" if root == "." else root if root.endswith("/") else root + "/"
    matches: List[SearchMatch] = []
    total = 0
    skipped_binary = 0
    try:
        for found in walk.files():
            line: Optional[int] = None
            line_text: Optional[str] = None
            if needle is not None:
                if found.is_link:
                    continue
                data = walk.read(found.entry)
                if data is None:
                    continue
                if b"\0" in data[:BINARY_PROBE_BYTES]:
                    skipped_binary += 1
                    continue
                at = data.find(needle)
                if at < 0:
                    continue
                if offset <= total < offset + limit:
                    line, line_text = _line_at(data, at)
            if offset <= total < offset + limit:
                matches.append(
                    {
                        "path": prefix + found.relative,
                        "type": "link" if found.is_link else "file",
                        "size": _size_of(found),
                        "line": line,
                        "text": line_text,
                    }
                )
            total += 1
    except OSError as error:
        hints = {"file.not-directory": "Pass a directory as root; read_file reads one file."}
        raise refusal_of_os_error("search_files root", root, error, hints) from None

    next_offset = offset + limit if offset + limit < total else None
    return {
        "ok": True,
        "matches": matches,
        "total": total,
        "offset": offset,
        "limit": limit,
        "next_offset": next_offset,
        "incomplete": walk.stopped_by is not None,
        "scanned": walk.scanned,
        "skipped": walk.skipped,
        "skipped_binary": skipped_binary,
        "hint": _hint(walk, glob, total, offset, asked_limit, next_offset),
    }


def _size_of(found: FoundFile) -> Optional[int]:
    try:
        return os.stat(found.entry.path, follow_symlinks=not found.is_link).st_size
    except OSError:
        return None


def _line_at(data: bytes, at: int) -> Tuple[int, str]:
    """Number and text of the line that holds ``data[at]``."""
    start = max(data.rfind(b"\n", 0, at) + 1, at - _LINE_BYTES_BEFORE)
    end = data.find(b"\n", at)
    end = min(len(data) if end < 0 else end, start + _LINE_BYTES)
    return data.count(b"\n", 0, at) + 1, data[start:end].rstrip(b"\r").decode("utf-8", "replace")


def _hint(
    walk: FileWalk,
    glob: GlobPattern,
    total: int,
    offset: int,
    asked_limit: int,
    next_offset: Optional[int],
) -> Optional[str]:
    hints = []
    if walk.stopped_by is not None:
        hints.append(
            "Stopped at %s: narrow root or pattern, or raise %s."
            % (walk.stopped_by, walk.stopped_by)
        )
    if asked_limit > MAX_LIMIT:
        hints.append("limit was clamped from %d to %d." % (asked_limit, MAX_LIMIT))
    if next_offset is not None:
        hints.append("More matches: call again with offset=%d." % next_offset)
    if total == 0 and not glob.is_recursive:
        hints.append(
            "The pattern looks no deeper than its own parts; begin it with '**/' for any depth."
        )
    if total and offset >= total:
        hints.append("offset is past the last match; begin at 0.")
    return " ".join(hints) or None
