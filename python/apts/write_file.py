"""Writing one file."""

from __future__ import annotations

import errno
import os
import stat
from typing import List, Literal, Optional, TypedDict, Union

from .arguments import answers, check_boolean, check_integer, invalid
from .paths import (
    OpenDirectory,
    check_path,
    check_regular,
    make_directories,
    remove_directories,
)
from .publish import publish
from .read_file import ENCODINGS
from .result import Failure, Refusal, quote, refusal_of_os_error

#: The most that ``max_bytes`` allows. Larger files are streamed with Python's own ``open``.
MAX_BYTES_CEILING = 1024 * 1024 * 1024
_HINTS = {
    "file.not-found": "Pass parents=True to make the missing directories.",
    "file.is-directory": "Name a file inside the directory.",
}


class WriteFileSuccess(TypedDict):
    """What ``write_file`` answers."""

    ok: Literal[True]
    path: str
    """The path as it was given."""
    bytes: int
    """How many bytes the file has now."""
    outcome: Literal["created", "replaced"]
    """Whether a file was there before."""
    mode: int
    """Permission bits of the file as an integer (0o644 is 420)."""
    durable: bool
    """True when the system confirmed that content and name are stored (fsync of file and
    directory)."""


@answers
def write_file(
    path: Union[str, os.PathLike[str]],
    content: Union[str, bytes],
    *,
    overwrite: bool = False,
    parents: bool = False,
    mode: Optional[int] = None,
    max_bytes: int = 16 * 1024 * 1024,
    encoding: str = "utf-8",
) -> Union[WriteFileSuccess, Failure]:
    """Writes a whole file: a reader sees all of it or nothing of it, and a failure leaves what was
    there.

    The content goes to a temporary file in the same directory, is stored (fsync), and gets its name
    in one step: with link(2), which fails when the name is taken, so of many writers with
    ``overwrite=False`` exactly one wins; or with rename(2). Where the file system has no hard links
    the name is first taken by an empty file. No temporary file stays after a failure or an
    exception; only SIGKILL or a power cut can leave a ``.apts-*.tmp``.

    A symbolic link as the last part of the path is refused, or, put there in the last instant,
    replaced; it is never followed. Links before the last part are followed. Replacing makes a new
    file: other hard links keep the old content, extended attributes and access lists are not
    carried over, the owner is kept where the process may set it.

    :param path: str or ``os.PathLike``; relative to the working directory.
    :param content: text, or bytes as they are. Newlines are not translated.
    :param overwrite: True replaces an existing regular file that the process may write to. Default
        False, so that nothing is lost by a wrong path.
    :param parents: True makes missing directories, and takes them back when the write fails.
        Default False, so that a typing error in a path does not grow a tree.
    :param mode: permission bits, 0 to 0o777, as an integer (JSON: 0o644 is 420). Default None:
        those of the file that is replaced (never setuid, setgid, sticky), for a new one 0o666 less
        the umask.
    :param max_bytes: the most to write, 0 to 1,073,741,824. Default 16 MiB: a bound for a runaway
        loop, far above any source file.
    :param encoding: of a str: one of ``read_file``'s encodings, or ``"base64"`` when the content is
        base64 of the bytes, since JSON has no bytes. Default ``"utf-8"``. Not used for bytes.
    :returns: :class:`WriteFileSuccess`, or a failure with ``argument.invalid``, ``file.exists``,
        ``file.not-found`` (a directory is missing), ``file.denied``, ``file.is-directory``,
        ``file.not-directory``, ``file.is-symlink``,
        ``file.not-regular``, ``file.too-large`` (context: ``size``, ``max_bytes``),
        ``file.no-space`` or ``file.failed``.
    """
    path = check_path("write_file path", path)
    directory_path, name = os.path.split(path)
    if not name:
        raise invalid(
            "write_file path",
            path,
            "a path that ends in a file name",
            "Add a file name after the last '/'.",
        )
    overwrite = check_boolean("write_file overwrite", overwrite)
    parents = check_boolean("write_file parents", parents)
    mode = None if mode is None else check_integer("write_file mode", mode, 0, 0o777)
    max_bytes = check_integer("write_file max_bytes", max_bytes, 0, MAX_BYTES_CEILING)
    data = _encode(content, encoding)
    if len(data) > max_bytes:
        raise Refusal(
            "file.too-large",
            "write_file content: %d bytes (expected at most %d)." % (len(data), max_bytes),
            "Write less, or raise max_bytes (at most %d)." % MAX_BYTES_CEILING,
            {"size": len(data), "max_bytes": max_bytes},
        )

    created: List[str] = []
    is_written = False
    try:
        if parents:
            make_directories(directory_path, created)
        with OpenDirectory(directory_path or ".") as directory:
            answer = _write_into(directory, name, path, data, overwrite, mode)
        is_written = True
        return answer
    except OSError as error:
        raise refusal_of_os_error("write_file path", path, error, _HINTS) from None
    finally:
        if not is_written:
            remove_directories(created)


def _encode(content: object, encoding: object) -> bytes:
    if encoding != "base64" and encoding not in ENCODINGS:
        raise invalid("write_file encoding", encoding, "base64 or one of " + ", ".join(ENCODINGS))
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str):
        raise invalid(
            "write_file content",
            content,
            "a str or bytes",
            "Serialise the value first, for example with json.dumps.",
        )
    if encoding == "base64":
        import base64

        try:
            return base64.b64decode(content, validate=True)
        except ValueError:
            # The content is not repeated: it may be a secret, and answers are logged.
            raise invalid(
                "write_file content",
                len(content),
                "characters of base64 with padding, RFC 4648 section 4",
            ) from None
    try:
        return content.encode(str(encoding), "strict")
    except UnicodeEncodeError as error:
        found = content[error.start : error.start + 1]
        hint = (
            "Replace the character at index %d, pass another encoding, or pass the bytes."
            % error.start
        )
        raise invalid(
            "write_file content", found, "text that %s can encode" % encoding, hint
        ) from None


def _write_into(
    directory: OpenDirectory,
    name: str,
    path: str,
    data: bytes,
    overwrite: bool,
    mode: Optional[int],
) -> WriteFileSuccess:
    existing = _check_target(directory, name, path, overwrite)
    final_mode, is_durable = publish(directory, name, data, existing, overwrite, mode)
    return {
        "ok": True,
        "path": path,
        "bytes": len(data),
        "outcome": "created" if existing is None else "replaced",
        "mode": final_mode,
        "durable": is_durable,
    }


def _check_target(
    directory: OpenDirectory, name: str, path: str, overwrite: bool
) -> Optional[os.stat_result]:
    """What has the name now, None when nothing. Refuses early what the last step would refuse, with
    a better reason."""
    try:
        existing = os.stat(directory.at(name), dir_fd=directory.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(existing.st_mode):
        check_regular("write_file path", path, existing.st_mode)
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "")
    if stat.S_ISLNK(existing.st_mode):
        raise Refusal(
            "file.is-symlink",
            "write_file path: %s (expected a file, found a symbolic link)." % quote(path),
            "Write to the path that os.path.realpath gives for it, or remove the link first.",
        )
    check_regular("write_file path", path, existing.st_mode)
    # rename(2) asks for the directory's permission alone; a file that its owner protected stays
    # protected.
    access = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    if not os.access(directory.at(name), os.W_OK, dir_fd=directory.fd, **access):
        raise PermissionError(errno.EACCES, "")
    return existing
