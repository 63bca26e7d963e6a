"""The secrets file: made once, completed later, private, replaced in one step, never shown."""

import fcntl
import os
import stat
import string
from datetime import UTC, datetime

import pytest

from quorate import secrets
from quorate.model.secret import KeySet, Secret
from quorate.secrets import keys

WANTED = (Secret("keystone/admin"), Secret("bmc/ctl1", 16))
KEY_SETS = (KeySet("keystone/fernet"),)


@pytest.fixture
def spec(tmp_path):
    return tmp_path / "quorate.yaml"


def test_all_that_is_wanted_is_made_at_random(spec):
    assert secrets.make(spec, WANTED, KEY_SETS) == ("keystone/admin", "bmc/ctl1", "keystone/fernet")
    held = secrets.read(spec)
    assert {name: len(value) for name, value in held.values.items()} == {"keystone/admin": 32, "bmc/ctl1": 16}
    assert set("".join(held.values.values())) <= set(string.ascii_letters + string.digits)
    assert [key.number for key in held.key_sets["keystone/fernet"].keys] == [0, 1]
    assert secrets.beside(spec).name == "quorate.secrets.json"


def test_again_only_what_is_missing_is_made(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    before = secrets.read(spec)
    written = secrets.beside(spec).stat().st_mtime_ns
    assert secrets.make(spec, WANTED, KEY_SETS) == ()
    assert secrets.beside(spec).stat().st_mtime_ns == written
    assert secrets.make(spec, (*WANTED, Secret("new")), KEY_SETS) == ("new",)
    after = secrets.read(spec)
    assert {name: after.values[name] for name in before.values} == before.values
    assert after.key_sets == before.key_sets


def test_two_clouds_never_have_the_same_secrets(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    secrets.make(first, WANTED, KEY_SETS)
    secrets.make(second, WANTED, KEY_SETS)
    one, two = secrets.read(first), secrets.read(second)
    assert not set(one.values.values()) & set(two.values.values())
    assert not {key.value for key in one.key_sets["keystone/fernet"].keys} & {
        key.value for key in two.key_sets["keystone/fernet"].keys
    }


def test_the_file_is_private_whatever_the_umask(spec):
    before = os.umask(0)
    try:
        secrets.make(spec, WANTED, KEY_SETS)
        secrets.put(spec, "bmc/ctl1", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(secrets.beside(spec).stat().st_mode) == 0o600
    assert [path.name for path in spec.parent.iterdir()] == ["quorate.secrets.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o660, 0o601])
def test_a_file_that_others_can_read_is_refused(spec, mode):
    secrets.make(spec, WANTED, KEY_SETS)
    secrets.beside(spec).chmod(mode)
    for use in (lambda: secrets.read(spec), lambda: secrets.make(spec, (Secret("new"),), ())):
        with pytest.raises(secrets.SecretsExposedError, match=rf"has mode {mode:04o}.*run: chmod 600 "):
            use()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    os.chown(secrets.beside(spec), 12345, -1)
    with pytest.raises(secrets.SecretsExposedError, match=r"belongs to user 12345, not to you.*chown 0 "):
        secrets.read(spec)


def test_a_file_that_is_missing_is_said_with_the_remedy(spec):
    with pytest.raises(secrets.SecretsNotFoundError, match="make it: quorate secrets init"):
        secrets.read(spec)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 9, "values": {}, "key_sets": {}}', '{"format": 1, "values": ["hush"]}'],
)
def test_a_damaged_file_is_refused_without_showing_it(spec, text):
    path = secrets.beside(spec)
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(secrets.SecretsError, match=r"is no secrets file .*; restore it from a backup") as caught:
        secrets.read(spec)
    assert "hush" not in str(caught.value)


def test_no_representation_shows_a_value(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    held = secrets.read(spec)
    shown = f"{held!r} {held} {held.key_sets['keystone/fernet']!r} {[*held.key_sets['keystone/fernet'].keys]!r}"
    values = [*held.values.values(), *(key.value for key in held.key_sets["keystone/fernet"].keys)]
    assert not any(value in shown for value in values)


def test_a_value_given_by_the_operator_is_kept(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    secrets.put(spec, "bmc/ctl1", 'S3$cret!"#%&@:/')
    assert secrets.read(spec).values["bmc/ctl1"] == 'S3$cret!"#%&@:/'
    assert secrets.make(spec, WANTED, KEY_SETS) == ()
    assert secrets.read(spec).values["bmc/ctl1"] == 'S3$cret!"#%&@:/'


@pytest.mark.parametrize("value", ["", "it's", "back\\slash", "two words", "line\n", "tab\t", "pässword", "\x7f"])
def test_a_value_that_files_would_change_is_refused_without_showing_it(spec, value):
    with pytest.raises(secrets.InvalidSecretError) as caught:
        secrets.put(spec, "bmc/ctl1", value)
    assert not value or value not in str(caught.value)
    assert not secrets.beside(spec).exists()


@pytest.mark.parametrize("name", ["", "a b", "a}", "${x}", "a\n"])
def test_a_name_that_no_reference_can_have_is_refused(spec, name):
    with pytest.raises(secrets.InvalidSecretError, match="is no name of a secret"):
        secrets.put(spec, name, "x")


def test_what_is_missing_is_named(spec):
    secrets.make(spec, WANTED[:1], ())
    assert secrets.missing(secrets.read(spec), WANTED, KEY_SETS) == ("bmc/ctl1", "keystone/fernet")


def test_a_change_that_fails_leaves_the_file_as_it_was(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    before = secrets.beside(spec).read_bytes()

    def fails(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        secrets.update(spec, fails)
    assert secrets.beside(spec).read_bytes() == before


def test_two_at_once_are_refused(spec):
    secrets.make(spec, WANTED, KEY_SETS)
    other = os.open(spec.parent, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(secrets.SecretsError, match="another quorate is changing"):
            secrets.put(spec, "bmc/ctl1", "x")
    finally:
        os.close(other)


def test_a_rotated_set_comes_back_from_the_file_as_it_was(spec, now):
    secrets.make(spec, WANTED, KEY_SETS)
    name = KEY_SETS[0].name

    def rotated(held):
        state = keys.rotate(keys.pushed(held.key_sets[name], now), now, 3600, keys.new_key())
        return secrets.Secrets(held.values, {name: keys.pushed(state, now)})

    written = secrets.update(spec, rotated)
    assert secrets.read(spec) == written
    assert [key.retired_at for key in written.key_sets[name].keys] == [None, now, None]


@pytest.fixture
def now():
    return datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
