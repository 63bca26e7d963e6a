import shlex

from quorate.formats import shell

WORDS = ("make", "a thing", "x" * 60, "op", "name", "y" * 30, "op", "meta", "it's $HOME")


def test_short_commands_stay_on_one_line():
    assert shell.fold(("a", "op", "b"), breaks=("op",)) == "a op b"


def test_long_ones_break_where_told_and_where_they_must():
    assert shell.fold(WORDS, breaks=("op", "meta")).split(" \\\n") == [
        f"make 'a thing' {'x' * 60}",
        f"    op name {'y' * 30}",
        """    op meta 'it'"'"'s $HOME'""",
    ]
    assert all(len(line) < 110 for line in shell.fold(("word",) * 100).splitlines())


def test_the_shell_reads_back_what_was_said():
    assert shlex.split(shell.fold(WORDS).replace("\\\n", "")) == list(WORDS)
    assert shlex.split(shell.join(WORDS)) == list(WORDS)
    assert shlex.split(shell.quote("it's; $x")) == ["it's; $x"]
