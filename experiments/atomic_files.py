"""Files that are either complete or absent: temporary file, fsync, rename, fsync of the folder."""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from twin.errors import TwinError

_REASONS = {
    errno.ENOSPC: (
        "the disk is full",
        "Free some space or choose a folder on another disk; what is complete stays.",
    ),
    errno.EDQUOT: (
        "the disk quota is used up",
        "Free some space or choose a folder on another disk; what is complete stays.",
    ),
    errno.EFBIG: (
        "the file grew past the largest size allowed here",
        "Raise the limit (ulimit -f) or choose another disk; what is complete stays.",
    ),
    errno.EROFS: ("the disk is read-only", "Choose a folder that can be written."),
    errno.EACCES: ("no permission", "Choose a folder that you may use, or change its permissions."),
    errno.EPERM: ("not permitted", "Choose a folder that you may use, or change its permissions."),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "Choose another folder."),
    errno.EEXIST: ("a file stands where a folder is needed", "Choose another folder."),
    errno.EISDIR: ("a folder stands where a file is needed", "Choose another name, or remove it."),
    errno.ENOENT: ("no such file or folder", "Check the path, or run the step that writes it."),
}


def disk_error(path: Path, error: OSError) -> TwinError:
    """The `TwinError` that says in plain words what an `OSError` at `path` means and what to do."""
    what, fix = _REASONS.get(
        error.errno or 0,
        (f"the disk refused ({error.strerror or error})", "Check the disk, or choose another one."),
    )
    return TwinError(what, where=str(path), fix=fix)


def make_folder(path: Path) -> None:
    """Make a folder and its parents; nothing happens where it exists. Raises `TwinError`."""
    if path.is_dir():
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error


def read_bytes(path: Path) -> bytes:
    """The whole content of a file. Raises `TwinError` naming the path."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise disk_error(path, error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by `content`, whole or not at all, also when killed or out of power.

    The temporary file is `path` + ".tmp" in the same folder, so two writers of one path need a
    lock (`hold_lock`). Raises `TwinError` on a full, read-only or missing disk; the previous file
    then stands as it was and the temporary one is gone.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def append_line(path: Path, line: bytes, *, size: int) -> int:
    """Append one line to a file that is known to be `size` bytes long; returns its new size.

    Bytes past `size` come from an append that failed earlier and are cut off first. Raises
    `TwinError`; the file then ends at `size` again, so a torn line never lands in its middle.
    """
    try:
        created = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if os.fstat(descriptor).st_size > size:
                os.ftruncate(descriptor, size)
            try:
                write_all(descriptor, line + b"\n")
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if created:
            _sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error
    return size + len(line) + 1


def truncate(path: Path, size: int) -> None:
    """Cut a file to its first `size` bytes and make that durable. Raises `TwinError`."""
    try:
        with path.open("r+b") as handle:
            handle.truncate(size)
            os.fsync(handle.fileno())
    except OSError as error:
        raise disk_error(path, error) from error


def remove(path: Path) -> None:
    """Remove a file; nothing happens where there is none. Raises `TwinError`."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error


def remove_leftovers(folder: Path) -> tuple[str, ...]:
    """Remove the temporary files of a killed writer, and name them; the caller holds the lock."""
    leftovers = sorted(folder.glob("*.tmp"))
    for path in leftovers:
        remove(path)
    return tuple(path.name for path in leftovers)


def hold_lock(path: Path, *, busy: Callable[[], TwinError] | None = None) -> BinaryIO:
    """Lock a file for this process until the returned handle is closed (or the process ends).

    With `busy`, a lock that another holds raises the error it makes; without, wait for it.
    """
    try:
        handle = path.open("ab")
    except OSError as error:
        raise disk_error(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
    except BlockingIOError as error:
        handle.close()
        assert busy is not None
        raise busy() from error
    except OSError as error:
        handle.close()
        raise disk_error(path, error) from error
    return handle


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte; a single `os.write` may stop early. Raises `OSError`."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    """Make a rename or a new entry in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
