import shlex

from quorate.prove.scheduler import LOCAL, Place, in_image


def test_a_program_follows_the_place_s_command() -> None:
    assert LOCAL.command("python3", "-c", "a; b") == ("python3", "-c", "a; b")
    assert Place("c", ("podman", "exec", "c")).command("true") == ("podman", "exec", "c", "true")


def test_a_shell_gets_one_string() -> None:
    command = Place("ctl1", ("ssh", "ctl1"), shell=True).command("python3", "-c", "a;b='c d'")
    assert command[:2] == ("ssh", "ctl1")
    assert shlex.split(command[2]) == ["python3", "-c", "a;b='c d'"]


def test_an_image_s_container_has_no_network_and_goes() -> None:
    place = in_image(("podman", "--runtime", "runc"), "localhost/host:1", ("--ulimit", "nofile=9:9"))
    assert place.argv[:4] == ("podman", "--runtime", "runc", "run")
    assert {"--rm", "--interactive", "--network=none"} < set(place.argv)
    assert place.argv[-3:] == ("--ulimit", "nofile=9:9", "localhost/host:1")
    assert "localhost/host:1" in place.name
