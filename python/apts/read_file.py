"""Reading one file."""

from __future__ import annotations

import codecs
import errno
import os
import time
from typing import Any, Literal, NamedTuple, Optional, Tuple, TypedDict, Union

from .arguments import answers, check_boolean, check_integer, invalid
from .paths import OPEN_FLAGS, check_path, check_regular
from .result import Failure, Refusal, quote, refusal_of_os_error

#: The most that one call returns. Larger files are read in pieces, or streamed with Python's own
#: ``open``.
MAX_BYTES_CEILING = 64 * 1024 * 1024
#: Encodings in which any character boundary is a place to start, so that each ``next_offset`` can
#: be read by itself.
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "cp1252")
#: How often a file that changes under the reader is read again; the pauses between double, from 1
#: ms to 8 ms.
ATTEMPTS = 5

_CHUNK_BYTES = 1024 * 1024
_MAX_OFFSET = 2**63 - 1


class ReadFileSuccess(TypedDict):
    """What ``read_file`` answers."""

    ok: Literal[True]
    path: str
    """The path as it was given."""
    content: str
    """Text, or base64 (RFC 4648 section 4, with padding) when ``encoding`` is ``"base64"``.
    Newlines and a byte order mark are kept as they are."""
    encoding: str
    """``"base64"``, or the encoding asked for. ``write_file(path, content, encoding=encoding)``
    writes the same bytes."""
    bytes: int
    """How many bytes of the file ``content`` stands for."""
    offset: int
    """Where they begin, in bytes."""
    size: Optional[int]
    """Size of the whole file in bytes. None when the kernel makes the content up (``/proc``) and
    the end was not reached."""
    truncated: bool
    """True when bytes follow that were not returned. Only with ``truncate=True``."""
    dropped_bytes: Optional[int]
    """How many follow; 0 when none, None when ``size`` is None."""
    next_offset: Optional[int]
    """The ``offset`` at which to go on, None when nothing follows."""


class _Version(NamedTuple):
    data: bytes
    size: Optional[int]
    has_more: bool


@answers
def read_file(
    path: Union[str, os.PathLike[str]],
    *,
    max_bytes: int = 1_048_576,
    offset: int = 0,
    encoding: Optional[str] = "utf-8",
    truncate: bool = False,
) -> Union[ReadFileSuccess, Failure]:
    """Reads a regular file, or a part of it, as one consistent version.

    Consistent means: the range is read twice and must be equal, with size and modification time
    unchanged. Then each byte had its value at the moment between the two readings. Otherwise the
    file is opened and read again, up to :data:`ATTEMPTS` times. A file replaced by rename, as
    ``write_file`` does, is always one version; a writer that changes a file in place and pauses
    half way leaves a half that any reader takes for a version. Pages read by separate calls may
    belong to different versions.

    Symbolic links are followed. A FIFO is refused without waiting for a writer. Files under
    ``/proc`` whose size the kernel gives as 0 are read once, since each reading makes a new
    version.

    :param path: str or ``os.PathLike``; relative to the working directory.
    :param max_bytes: the most to return, in bytes of the file, 1 to 67,108,864. Default 1 MiB: what
        an agent can still use, and no more than a few MiB as JSON. Larger is an error, since half a
        file taken for a whole one is a trap.
    :param offset: where to begin, in bytes, from 0 to the file's size.
    :param encoding: one of :data:`ENCODINGS`, strictly; default UTF-8. Content that does not decode
        comes as base64 and says so. None: always base64.
    :param truncate: True returns the first ``max_bytes`` after ``offset`` and says exactly how many
        bytes follow. Text ends before a character that would be cut. Default False.
    :returns: :class:`ReadFileSuccess`, or a failure with ``argument.invalid``, ``file.not-found``,
        ``file.denied``, ``file.is-directory``, ``file.not-directory``, ``file.not-regular``,
        ``file.too-large`` (context: ``size`` when known, ``max_bytes``), ``file.changed`` or
        ``file.failed``.
    """
    path = check_path("read_file path", path)
    max_bytes = check_integer("read_file max_bytes", max_bytes, 1, MAX_BYTES_CEILING)
    offset = check_integer("read_file offset", offset, 0, _MAX_OFFSET)
    truncate = check_boolean("read_file truncate", truncate)
    if encoding is not None and encoding not in ENCODINGS:
        hint = "Pass encoding=None and decode the base64 content for any other encoding."
        raise invalid(
            "read_file encoding", encoding, "None or one of " + ", ".join(ENCODINGS), hint
        )

    try:
        version = _read_consistently(path, offset, max_bytes, truncate)
    except OSError as error:
        raise refusal_of_os_error("read_file path", path, error) from None
    if version.has_more and not truncate:
        raise _too_large(path, version.size, offset, max_bytes)

    content, used, shown_encoding = _decode(version.data, encoding, version.has_more)
    end = offset + used
    # ``end`` lies before a character that max_bytes would cut; its bytes belong to the next page.
    return {
        "ok": True,
        "path": path,
        "content": content,
        "encoding": shown_encoding,
        "bytes": used,
        "offset": offset,
        "size": version.size,
        "truncated": version.has_more,
        "dropped_bytes": None if version.size is None else version.size - end,
        "next_offset": end if version.has_more else None,
    }


def _read_consistently(path: str, offset: int, max_bytes: int, truncate: bool) -> _Version:
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(0.001 * 2 ** (attempt - 1))
        version = _read_once(path, offset, max_bytes, truncate)
        if version is not None:
            return version
    raise Refusal(
        "file.changed",
        "read_file path: %s (expected a file that holds still; it changed in %d attempts)."
        % (quote(path), ATTEMPTS),
        "Call again when its writer is done, or copy the file first.",
        {"attempts": ATTEMPTS},
    )


def _read_once(path: str, offset: int, max_bytes: int, truncate: bool) -> Optional[_Version]:
    """One attempt: None when the file changed meanwhile."""
    # Looked at before it is opened: opening a FIFO would let a waiting writer go on and then lose
    # what it writes.
    check_regular("read_file path", path, os.stat(path).st_mode)
    fd = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    try:
        before = os.fstat(fd)
        # SAFETY: the path may mean another file by now; what was opened decides
        # (test_read_file.test_swapped_for_a_fifo).
        check_regular("read_file path", path, before.st_mode)
        if before.st_size - offset > max_bytes and not truncate:
            raise _too_large(path, before.st_size, offset, max_bytes)
        data = _read_range(fd, offset, max_bytes + 1)
        is_made_up = before.st_size == 0 and len(data) > 0
        is_same = is_made_up or _read_range(fd, offset, max_bytes + 1) == data
        after = os.fstat(fd)
    finally:
        os.close(fd)
    # Not st_ctime_ns: a rename, a chmod or a second link changes it and leaves the content alone.
    if not is_same or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    if not data and offset > after.st_size:
        expected = "at most the file's size, %d" % after.st_size
        raise invalid(
            "read_file offset",
            offset,
            expected,
            "Begin at 0; a next_offset belongs to the file it came with.",
        )
    has_more = len(data) > max_bytes
    if has_more:
        return _Version(data[:max_bytes], None if is_made_up else after.st_size, True)
    return _Version(data, offset + len(data), False)


def _read_range(fd: int, offset: int, count: int) -> bytes:
    """Up to ``count`` bytes from ``offset``; fewer only at the end of the file."""
    try:
        os.lseek(fd, offset, os.SEEK_SET)
    except OSError as error:
        # The offset is beyond what any file of this file system can have, so also beyond the end of
        # this one.
        if error.errno == errno.EINVAL:
            return b""
        raise
    pieces = []
    while count > 0:
        # os.read allocates what it is asked for, whatever the file holds.
        piece = os.read(fd, min(count, _CHUNK_BYTES))
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _decode(data: bytes, encoding: Optional[str], is_cut: bool) -> Tuple[str, int, str]:
    """The content, how many bytes it stands for, and its encoding."""
    if encoding is not None:
        decoder: Any = codecs.getincrementaldecoder(encoding)("strict")
        try:
            text = decoder.decode(data, not is_cut)
        except UnicodeDecodeError:
            pass
        else:
            used = len(data) - len(decoder.getstate()[0])
            if used or not data:
                return text, used, encoding
    import base64  # Here, since most calls do without and it loads struct and binascii.

    return base64.b64encode(data).decode("ascii"), len(data), "base64"


def _too_large(path: str, size: Optional[int], offset: int, max_bytes: int) -> Refusal:
    found = "more bytes" if size is None else "%d bytes" % (size - offset)
    message = "read_file path: %s (expected at most %d bytes from offset %d, found %s)."
    hint = (
        "Pass truncate=True and go on at next_offset, or raise max_bytes (at most %d)."
        % MAX_BYTES_CEILING
    )
    context: dict[str, Union[int, str]] = {"max_bytes": max_bytes, "offset": offset}
    if size is not None:
        context["size"] = size
    return Refusal(
        "file.too-large", message % (quote(path), max_bytes, offset, found), hint, context
    )
