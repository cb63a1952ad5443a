"""Giving content its name in one step."""

from __future__ import annotations

import errno
import os
import stat
from typing import Optional, Tuple

from .paths import OPEN_FLAGS, OpenDirectory

#: Temporary files are named with this, 16 random hexadecimal digits and ``.tmp``, whatever the
#: length of the final name.
TEMPORARY_PREFIX = ".apts-"

# What link(2) answers where the file system has no hard links (FAT, some FUSE and shared folders).
_NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP}
# What fsync(2) answers where the file system cannot. Any other error means that the data may be
# lost.
_NO_FSYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EROFS}


def publish(
    directory: OpenDirectory,
    name: str,
    data: bytes,
    existing: Optional[os.stat_result],
    overwrite: bool,
    mode: Optional[int],
) -> Tuple[int, bool]:
    """Writes ``data`` to a temporary file, stores it, and gives it ``name``.

    :param existing: the file that is replaced, for its mode and owner; None for a new one.
    :param overwrite: False raises FileExistsError when the name is taken at that instant.
    :param mode: permission bits; None for those of ``existing`` or the default of a new file.
    :returns: the permission bits, and whether content and name are known to be stored.
    :raises OSError: as the system says. Then the name is as before and no temporary file is left.
    """
    # Created with the final name's default mode, so the kernel applies the umask; reading it would
    # race with threads.
    is_default_mode = mode is None and existing is None
    # Named before it is made: an exception raised between the two still removes it.
    temporary = TEMPORARY_PREFIX + os.urandom(8).hex() + ".tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | OPEN_FLAGS
    try:
        fd = os.open(
            directory.at(temporary), flags, 0o666 if is_default_mode else 0o600, dir_fd=directory.fd
        )
        try:
            _write_all(fd, data)
            if existing is not None:
                _keep_owner(fd, existing)
            if not is_default_mode and hasattr(os, "fchmod"):
                os.fchmod(fd, _mode_for(existing) if mode is None else mode)
            is_stored = _sync(fd)
            final_mode = stat.S_IMODE(os.fstat(fd).st_mode)
        finally:
            os.close(fd)
        if overwrite:
            _rename(directory, temporary, name)
        else:
            _link(directory, temporary, name)
    finally:
        # Gone already after a rename; after a link this takes away the second name.
        try:
            os.unlink(directory.at(temporary), dir_fd=directory.fd)
        except OSError:
            pass
    return final_mode, directory.sync() and is_stored


def _mode_for(existing: Optional[os.stat_result]) -> int:
    # Never setuid, setgid or sticky: they were granted to the content that goes.
    return 0o600 if existing is None else stat.S_IMODE(existing.st_mode) & 0o777


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _keep_owner(fd: int, existing: os.stat_result) -> None:
    if not hasattr(os, "fchown"):
        return
    mine = os.fstat(fd)
    if (mine.st_uid, mine.st_gid) != (existing.st_uid, existing.st_gid):
        try:
            os.fchown(fd, existing.st_uid, existing.st_gid)
        except OSError:
            pass


def _sync(fd: int) -> bool:
    try:
        os.fsync(fd)
        return True
    except OSError as error:
        if error.errno in _NO_FSYNC:
            return False
        raise


def _rename(directory: OpenDirectory, temporary: str, name: str) -> None:
    os.replace(
        directory.at(temporary),
        directory.at(name),
        src_dir_fd=directory.fd,
        dst_dir_fd=directory.fd,
    )


def _link(directory: OpenDirectory, temporary: str, name: str) -> None:
    """Gives the temporary file its name if that is free, else raises FileExistsError."""
    try:
        os.link(
            directory.at(temporary),
            directory.at(name),
            src_dir_fd=directory.fd,
            dst_dir_fd=directory.fd,
        )
        return
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    fd = os.open(
        directory.at(name),
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS,
        0o600,
        dir_fd=directory.fd,
    )
    os.close(fd)
    try:
        _rename(directory, temporary, name)
    except BaseException:
        os.unlink(directory.at(name), dir_fd=directory.fd)
        raise
