"""Files, directories and key repositories."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import tempfile

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import SENSITIVE, Job, Result
from quorate.remote.agent.processes import Failed


def owner_ids(item: Json, job: Job) -> tuple[int, int] | None:
    """The ids of an item's owner and group; None in check mode when they do not exist yet."""
    try:
        return pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid
    except KeyError as error:
        if job.check:
            return None
        raise Failed("{}: no such user or group on this host: {}".format(item["path"], error.args[0])) from error


def owner_name(uid: int, gid: int) -> str:
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        return user + ":" + grp.getgrgid(gid).gr_name
    except KeyError:
        return f"{user}:{gid}"


def attribute_changes(have: os.stat_result, item: Json, mode: int, ids: tuple[int, int] | None) -> list[str]:
    changes = []
    if stat.S_IMODE(have.st_mode) != mode:
        changes.append(f"mode {stat.S_IMODE(have.st_mode):04o} -> {mode:04o}")
    if ids is not None and (have.st_uid, have.st_gid) != ids:
        changes.append(
            "owner {} -> {}:{}".format(owner_name(have.st_uid, have.st_gid), item["owner"], item["group"])
        )
    return changes


def set_attributes(path: str, mode: int, ids: tuple[int, int]) -> None:
    os.chown(path, ids[0], ids[1], follow_symlinks=False)  # first: it clears the setuid bits
    os.chmod(path, mode)


def write_whole(path: str, content: bytes, mode: int, ids: tuple[int, int]) -> None:
    """Replace a file so that every reader sees the old one or the new one, readable by nobody else on its way."""
    directory = os.path.dirname(path)
    fd, temporary = tempfile.mkstemp(dir=directory, prefix=".quorate-")
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(fd, ids[0], ids[1])
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        if error.errno == errno.EBUSY:
            raise Failed(
                f"{path} is a mount point (a bind mount?), so it cannot be replaced atomically; unmount it"
            ) from error
        raise
    sync_directory(directory)


def sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)  # a name survives a power cut only with its directory
    finally:
        os.close(fd)


def read_regular(path: str) -> tuple[os.stat_result | None, bytes | None]:
    """A file's status and content; content is None for a symbolic link, both if nothing is there."""
    try:
        have = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    if stat.S_ISLNK(have.st_mode):
        return have, None
    if not stat.S_ISREG(have.st_mode):
        raise Failed(f"{path} exists and is not a regular file; move it away")
    with open(path, "rb") as stream:
        return have, stream.read()


def difference(path: str, have: bytes | None, want: str, job: Job) -> list[str]:
    """A unified diff. Old secrets cannot be known by value, so removed lines that may hold one are masked."""
    try:
        import difflib
    except ImportError:
        return [f"({path} differs; the host's python3-minimal cannot show how)"]
    old = [] if have is None else have.decode("utf-8", "replace").splitlines()
    before = "/dev/null" if have is None else path
    lines = list(difflib.unified_diff(old, want.splitlines(), before, path, lineterm=""))
    header, lines = lines[:2], lines[2:]
    shown: list[str] = []
    removed: list[int] = []  # where the lines removed in this block of changes stand
    for line in lines:
        redacted = job.redact(line)
        if line.startswith("-"):
            removed.append(len(shown))
            redacted = "-<redacted>" if SENSITIVE.search(line) else redacted
        elif not line.startswith("+"):
            removed = []
        elif redacted != line:
            for index in removed:
                shown[index] = "-<redacted>"
        shown.append(redacted)
    return header + shown


def file(item: Json, job: Job) -> Result:
    path, mode, want = item["path"], item["mode"], item["content"].encode()
    have, content = read_regular(path)
    ids = owner_ids(item, job)
    changes = [] if have is None or content is None else attribute_changes(have, item, mode, ids)
    if content == want and not changes:
        return Result()
    if content != want:
        changes.insert(0, "new" if have is None else "content" if content is not None else "was a symbolic link")
    diff = difference(path, content, item["content"], job) if content != want else []
    if job.check:
        job.agent.would_write.add(path)
    else:
        assert ids is not None
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if content == want:
            set_attributes(path, mode, ids)
        else:
            write_whole(path, want, mode, ids)
    return Result("changed", ", ".join(changes), diff)


def directory(item: Json, job: Job) -> Result:
    path, mode = item["path"], item["mode"]
    ids = owner_ids(item, job)
    try:
        have = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        changes = ["new"]
    else:
        if not stat.S_ISDIR(have.st_mode):
            raise Failed(f"{path} exists and is not a directory; move it away")
        changes = attribute_changes(have, item, mode, ids)
    if changes and not job.check:
        assert ids is not None
        os.makedirs(path, exist_ok=True)
        set_attributes(path, mode, ids)
    return Result("changed", ", ".join(changes)) if changes else Result()


def key_repository(item: Json, job: Job) -> Result:
    """Exactly these keys. The staged key, 0, comes last: until then it also holds what is the new primary."""
    path, keys = item["path"], item["keys"]
    changed = directory(dict(item, mode=0o700), job)
    ids = owner_ids(item, job)
    present = set(os.listdir(path)) if os.path.isdir(path) else set()
    changes = [changed.detail] if changed.status == "changed" else []
    for name in sorted(keys, key=int, reverse=True):
        have, content = read_regular(os.path.join(path, name))
        same = content == keys[name].encode()
        if have is None or not same:
            changes.append("{} key {}".format("writes" if have is None else "replaces", name))
        elif not attribute_changes(have, item, 0o600, ids):
            continue
        else:
            changes.append(f"owner or mode of key {name}")
        if not job.check:
            assert ids is not None
            write_whole(os.path.join(path, name), keys[name].encode(), 0o600, ids)
    for name in sorted(present - set(keys)):
        changes.append(f"removes {name}")
        if not job.check:
            os.unlink(os.path.join(path, name))
    if changes and job.check:
        job.agent.would_write.add(path)
    return Result("changed", ", ".join(changes)) if changes else Result()
