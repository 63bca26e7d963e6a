import asyncio
import time

import pytest

from quorate.model.item import Command, Until
from quorate.remote.errors import CommandFailed
from quorate.remote.event import Status
from quorate.remote.shipping import Probe, Values, ship


def sh(script):
    return ("sh", "-c", script)


def apply(with_agent, *items, **options):
    return with_agent(lambda session: session.apply("commands", items, **options))


def test_the_guard_decides_and_the_real_state_is_its_measure(with_agent, tmp_path):
    item = Command(
        "create the tables", sh(f"echo ran >> {tmp_path}/log"), unless=("test", "-e", f"{tmp_path}/log")
    )
    assert apply(with_agent, item).changed
    assert not apply(with_agent, item).changed
    assert (tmp_path / "log").read_text() == "ran\n"


def test_without_a_guard_it_runs_every_time(with_agent, tmp_path):
    item = Command("always", sh(f"echo ran >> {tmp_path}/log"))
    apply(with_agent, item, item)
    assert (tmp_path / "log").read_text() == "ran\n" * 2


def test_check_runs_the_guard_alone(with_agent, tmp_path):
    guard = sh(f"echo asked >> {tmp_path}/asked; exit 1")
    outcome = apply(with_agent, Command("make it", sh(f"touch {tmp_path}/made"), unless=guard), check=True)
    assert [(event.item, event.status) for event in outcome.events] == [("make it", Status.CHANGED)]
    assert (tmp_path / "asked").exists()
    assert not (tmp_path / "made").exists()


def test_a_guard_whose_program_is_missing_says_nothing_is_there(with_agent, tmp_path):
    item = Command("make it", sh(f"touch {tmp_path}/made"), unless=("no-such-program-here",))
    assert apply(with_agent, item, check=True).changed
    apply(with_agent, item)
    assert (tmp_path / "made").exists()


def test_secrets_come_on_standard_input_and_leave_as_references(with_agent, tmp_path):
    values = Values({"root": "Sw0rdfish11"})
    item = Command(
        "set the password",
        sh(f"cat > {tmp_path}/set; cat {tmp_path}/set; cat {tmp_path}/set >&2; exit 7"),
        stdin="password ${secret:root}",
        unless=sh("grep -q impossible"),
        unless_stdin="${secret:root}",
    )
    with pytest.raises(CommandFailed) as caught:
        apply(with_agent, item, values=values)
    assert (tmp_path / "set").read_text() == "password Sw0rdfish11"
    assert caught.value.event.failure.rc == 7
    assert caught.value.event.failure.stderr == "password ${secret:root}"
    assert "stdout: password ${secret:root}" in str(caught.value)
    assert "Sw0rdfish11" not in repr(caught.value.outcome) + str(caught.value)


def test_a_secret_in_a_command_line_is_refused():
    with pytest.raises(ValueError, match="show it: the secret root would be readable"):
        ship([Command("show it", ("echo", "${secret:root}"))], Values({"root": "x"}))


def test_a_failure_says_host_item_command_status_and_output(with_agent):
    with pytest.raises(CommandFailed) as caught:
        apply(with_agent, Command("db sync", sh("echo working; echo 'no database' >&2; exit 3")))
    assert str(caught.value).splitlines() == [
        "n1: commands: db sync: exit status 3",
        "  command: sh -c 'echo working; echo '\"'\"'no database'\"'\"' >&2; exit 3'",
        "  stdout: working",
        "  stderr: no database",
    ]


def test_a_timeout_ends_the_whole_process_group(with_agent, tmp_path):
    item = Command("hang", sh(f"(sleep 2; touch {tmp_path}/survived) & sleep 60"), timeout_s=0.3)
    with pytest.raises(CommandFailed, match=r"killed after 0.3 s"):
        apply(with_agent, item)
    time.sleep(2.2)
    assert not (tmp_path / "survived").exists()


def test_a_daemon_left_behind_does_not_hold_the_stage_up(with_agent):
    begun = time.monotonic()
    apply(with_agent, Command("start it", sh("sleep 20 & echo started")))
    assert time.monotonic() - begun < 10


def test_until_repeats_and_tells_only_what_changes(with_agent, tmp_path):
    script = f"echo x >> {tmp_path}/n; n=$(wc -l < {tmp_path}/n); echo $((n / 3)) of 2; [ $n -ge 6 ]"
    events = []
    outcome = apply(with_agent, Until("two thirds", sh(script), within_s=20, every_s=0.02), report=events.append)
    assert outcome.events == ()
    assert [(event.status, event.detail) for event in events] == [
        (Status.WAITING, "0 of 2"),
        (Status.WAITING, "1 of 2"),
    ]


def test_until_ends_with_what_it_saw_last(with_agent):
    with pytest.raises(CommandFailed, match=r"galera synced: not so within 0.3 s; last seen: state Donor"):
        apply(with_agent, Until("galera synced", sh("echo state Donor; exit 1"), within_s=0.3, every_s=0.05))


def test_a_wait_that_hangs_ends_at_its_deadline(with_agent):
    with pytest.raises(CommandFailed, match=r"not so within 0.2 s; last seen: no answer in time"):
        apply(with_agent, Until("answer", sh("sleep 30"), within_s=0.2))


def test_check_asks_a_wait_once(with_agent, tmp_path):
    script = f"echo x >> {tmp_path}/n; echo not yet; exit 1"
    outcome = apply(with_agent, Until("there", sh(script), within_s=20), check=True)
    assert [(event.status, event.detail) for event in outcome.events] == [(Status.PENDING, "not yet")]
    assert not outcome.changed
    assert (tmp_path / "n").read_text() == "x\n"


def test_probes_answer_in_the_order_asked_for(with_agent):
    probes = [
        Probe(sh("sleep 0.3; echo slow")),
        Probe(sh("cat; echo oops >&2; exit 4"), stdin="in"),
        Probe(("no-such-program-here",)),
        Probe(sh("sleep 9"), timeout_s=0.1),
    ]
    for at_once in (True, False):
        slow, fed, missing, hung = with_agent(lambda session, how=at_once: session.run(probes, at_once=how))
        assert (slow.rc, slow.stdout) == (0, "slow\n")
        assert (fed.rc, fed.stdout, fed.stderr) == (4, "in", "oops\n")
        assert (missing.rc, missing.stderr) == (127, "no-such-program-here: No such file or directory")
        assert hung.rc is None


def test_probes_at_once_take_the_time_of_one(with_agent):
    begun = time.monotonic()
    with_agent(lambda session: session.run([Probe(("sleep", "0.5"))] * 8))
    assert time.monotonic() - begun < 3


def test_probes_at_once_yield_to_what_the_node_is_there_for(with_agent):
    asked = Probe(("nice",))
    (alone,) = with_agent(lambda session: session.run([asked], at_once=False))
    of_many = with_agent(lambda session: session.run([asked] * 3))
    (after,) = with_agent(lambda session: session.run([asked], at_once=False))
    assert {int(each.stdout) for each in of_many} == {min(int(alone.stdout) + 10, 19)}
    assert after.stdout == alone.stdout


def test_a_probe_s_secret_is_redacted_in_its_output(with_agent):
    values = Values({"p": "Sw0rdfish11"})
    probe = Probe(("cat",), stdin="user:${secret:p}")
    (output,) = with_agent(lambda session: session.run([probe], values=values))
    assert output.stdout == "user:${secret:p}"


def test_stages_and_probes_run_side_by_side(with_agent):
    async def both(session):
        long = asyncio.create_task(session.apply("long", [Command("long", ("sleep", "1"))]))
        begun = time.monotonic()
        await session.run([Probe(("true",))])
        took = time.monotonic() - begun
        assert not long.done()
        await long
        return took

    assert with_agent(both) < 0.9


def test_large_outputs_and_inputs_arrive_whole(with_agent):
    text = "x" * 5_000_000
    (output,) = with_agent(lambda session: session.run([Probe(("cat",), stdin=text)]))
    assert output.stdout == text


def test_a_cancelled_stage_ends_after_the_item_it_is_at(with_agent, tmp_path):
    async def cancel(session):
        items = [Command("first", sh("sleep 0.5")), Command("second", sh(f"touch {tmp_path}/second"))]
        task = asyncio.create_task(session.apply("stage", items))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.6)
        return await session.run([Probe(("true",))])

    assert with_agent(cancel)[0].rc == 0
    assert not (tmp_path / "second").exists()
