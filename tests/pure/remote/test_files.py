import getpass
import grp
import os
import stat
import sys

import pytest

from quorate.model.item import Directory, File, KeyRepository
from quorate.remote.errors import CommandFailed
from quorate.remote.event import Status
from quorate.remote.shipping import Values, ship

ME = getpass.getuser()
MY_GROUP = grp.getgrgid(os.getgid()).gr_name
MINE = {"owner": ME, "group": MY_GROUP}


def apply(with_agent, *items, **options):
    return with_agent(lambda session: session.apply("files", items, **options))


def test_a_file_is_written_whole_with_its_mode_and_again_nothing_is_done(with_agent, tmp_path):
    path = tmp_path / "deep" / "er" / "keystone.conf"
    item = File(str(path), "[DEFAULT]\ndebug = false\n", mode=0o640, **MINE)

    first = apply(with_agent, item)
    inode = path.stat().st_ino
    second = apply(with_agent, item)

    assert first.events[0].status is Status.CHANGED
    assert path.read_text() == item.content
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert second.events == ()
    assert not second.changed
    assert path.stat().st_ino == inode
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_reader_of_the_old_file_keeps_it_whole(with_agent, tmp_path):
    path = tmp_path / "haproxy.cfg"
    path.write_text("old\n" * 1000)
    with path.open() as reader:
        apply(with_agent, File(str(path), "new\n", **MINE))
        assert reader.read() == "old\n" * 1000
    assert path.read_text() == "new\n"


def test_check_shows_the_difference_and_touches_nothing(with_agent, tmp_path):
    path = tmp_path / "corosync.conf"
    path.write_text("token: 1000\nname: a\n")

    outcome = apply(with_agent, File(str(path), "token: 3000\nname: a\n", mode=0o600, **MINE), check=True)

    event = outcome.events[0]
    assert event.status is Status.CHANGED
    assert "content" in event.detail
    assert "mode 0644 -> 0600" in event.detail
    assert event.diff[2:] == ("@@ -1,2 +1,2 @@", "-token: 1000", "+token: 3000", " name: a")
    assert path.read_text().startswith("token: 1000")


def test_only_the_mode_differing_keeps_the_content_and_the_inode(with_agent, tmp_path):
    path = tmp_path / "x"
    path.write_text("same")
    inode = path.stat().st_ino
    apply(with_agent, File(str(path), "same", mode=0o600, **MINE))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_ino == inode


def test_check_does_not_need_the_owner_to_exist_yet_and_apply_does(with_agent, tmp_path):
    item = File(str(tmp_path / "x"), "x", owner="nobody-yet", group="nobody-yet")
    assert apply(with_agent, item, check=True).changed
    with pytest.raises(CommandFailed, match=r"n1: files: .*/x: .*no such user or group on this host.*nobody-yet"):
        apply(with_agent, item)


def test_a_symbolic_link_gives_way_to_the_file(with_agent, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    link.symlink_to(target)
    outcome = apply(with_agent, File(str(link), "ours", **MINE))
    assert "symbolic link" in outcome.events[0].detail
    assert not link.is_symlink()
    assert target.read_text() == "theirs"


def test_something_else_in_the_way_stops_the_stage_and_is_named(with_agent, tmp_path):
    (tmp_path / "way").mkdir()
    after = tmp_path / "after"
    with pytest.raises(CommandFailed, match="not a regular file") as caught:
        apply(with_agent, File(str(tmp_path / "way"), "x", **MINE), File(str(after), "x", **MINE))
    assert not after.exists()
    assert [event.status for event in caught.value.outcome.events] == [Status.FAILED]


def test_check_goes_on_after_a_failure_to_show_all(with_agent, tmp_path):
    (tmp_path / "way").mkdir()
    items = File(str(tmp_path / "way"), "x", **MINE), File(str(tmp_path / "after"), "x", **MINE)
    with pytest.raises(CommandFailed) as caught:
        apply(with_agent, *items, check=True)
    assert [event.status for event in caught.value.outcome.events] == [Status.FAILED, Status.CHANGED]


def test_a_directory_gets_its_mode(with_agent, tmp_path):
    item = Directory(str(tmp_path / "a" / "b"), mode=0o750, **MINE)
    assert apply(with_agent, item).changed
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o750
    assert not apply(with_agent, item).changed


def test_a_key_repository_holds_exactly_its_keys_and_tells_none(with_agent, tmp_path):
    path = tmp_path / "fernet-keys"
    item = KeyRepository(str(path), keys="fernet", **MINE)
    before = Values(keys={"fernet": {0: "staged-A", 1: "primary-B"}})
    after = Values(keys={"fernet": {0: "staged-C", 2: "staged-A"}})

    first = apply(with_agent, item, values=before)
    second = apply(with_agent, item, values=after)

    assert {file.name: file.read_text() for file in path.iterdir()} == {"0": "staged-C", "2": "staged-A"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}
    assert second.events[0].detail == "writes key 2, replaces key 0, removes 1"
    assert "staged" not in repr(first) + repr(second)
    assert not apply(with_agent, item, values=after).changed


SECRETS = Values({"db/keystone": "Sw0rdfish11", "rabbit": "Tr0ubad0ur9"})
CONF = "[database]\nconnection = mysql://k:${secret:db/keystone}@vip/k\n[rabbit]\nline = ${secret:rabbit}\nx = 2\n"


def test_no_event_holds_a_secret_new_or_old(with_agent, tmp_path):
    path = tmp_path / "keystone.conf"
    path.write_text(
        "[database]\nconnection = mysql://k:0ldSecret@vip/k\n[rabbit]\nline = 0therOld\nx = 1\npassword = Third\n"
    )
    item = File(str(path), CONF, **MINE)
    events = []
    for check in (True, False):
        events.append(repr(apply(with_agent, item, check=check, values=SECRETS, report=events.append)))

    told = repr(events)
    for secret in ("Sw0rdfish11", "Tr0ubad0ur9", "0ldSecret", "0therOld", "Third"):
        assert secret not in told
    assert "+connection = mysql://k:${secret:db/keystone}@vip/k" in told
    assert "-<redacted>" in told
    assert "+x = 2" in told
    assert "Sw0rdfish11" in path.read_text()


def test_a_secret_of_several_lines_is_redacted_in_every_line(with_agent, tmp_path):
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----"
    item = File(str(tmp_path / "key.pem"), "${secret:tls}\n", **MINE)
    outcome = apply(with_agent, item, check=True, values=Values({"tls": key}))
    assert "abcdefgh" not in repr(outcome)
    assert "ijklmnop" not in repr(outcome)


def test_a_missing_secret_is_named_and_nothing_is_sent():
    with pytest.raises(KeyError, match="nowhere"):
        ship([File("/x", "${secret:nowhere}")], Values())


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="needs root to bind-mount")
def test_a_bind_mount_is_named_as_the_obstacle(with_agent, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("mounted")
    target.write_text("")
    os.system(f"mount --bind {source} {target}")
    try:
        with pytest.raises(CommandFailed, match="mount point"):
            apply(with_agent, File(str(target), "new", **MINE))
    finally:
        os.system(f"umount {target}")
    assert not list(tmp_path.glob(".quorate-*"))
