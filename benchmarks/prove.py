"""Schedules and settled situations a second, beside forked crm_simulate and a shell loop over it, in one run.

    .venv/bin/python benchmarks/prove.py [--image IMAGE] [3 16 3+100]

All of them run in the same container of the lab's image. The first lines are about the same CIBs: the states right
after each of a sample of situations. A situation is settled when nothing is left to do. The shell loop is what an
operator could write: `crm_simulate --simulate --save-output`, its output fed to it again until its transition is
empty. Then, of a small cluster, every single situation is settled: remembering what was decided, as a proof does,
and by a loop that forks crm_simulate for each schedule. At the end, whole proofs.
"""

import argparse
import io
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from designs import controllers, with_remotes
from quorate.lab import image
from quorate.lab.machine import Machine, this_machine
from quorate.prove import intent, situations, state
from quorate.prove.agents import KNOWN
from quorate.prove.graph import read as read_graph
from quorate.prove.pool import Pool
from quorate.prove.proof import CHUNK, Assignment, Question, judge_assigned, prove, schedule_at, steady
from quorate.prove.scheduler import COMMAND, LIBRARY, Place, Scheduler, SchedulerUnavailable, in_image
from quorate.prove.settle import Situation, play
from quorate.prove.state import State

T = TypeVar("T")

DESIGNS = {
    "3": lambda: controllers(3),
    "16": lambda: controllers(16),
    "3+100": lambda: with_remotes(3, 100),
}
SMALL = frozenset({"3"})
"""What takes a minute where the others take many."""

SAMPLE = {"3": 40, "16": 12, "3+100": 6}
SEED = 1

LOOP = r"""
cd /dev/shm/loop
settle() {
    cp "$1" "$1.now"
    for round in 1 2 3 4 5 6 7 8 9 10; do
        crm_simulate -SQ --xml-file "$1.now" --save-output "$1.next" --save-graph "$1.graph" >/dev/null 2>&1
        mv "$1.next" "$1.now"
        grep -q '<rsc_op\|<crm_event' "$1.graph" || return 0
    done
}
schedule() { crm_simulate -SQ --xml-file "$1" --save-graph "$1.graph" >/dev/null 2>&1; }
export -f settle schedule
ls *.xml | xargs -P "$1" -I{} bash -c "$2 {}"
"""


@contextmanager
def container(name: str | None) -> Iterator[Place]:
    """A container of the image, for all that is compared."""
    machine = this_machine()
    found = name or _image(machine)
    options = (*machine.create_options(), "--rm", "--network=none", "--detach", "--shm-size=1g")
    made = subprocess.run(
        (*machine.podman, "run", *options, found, "sleep", "7200"), capture_output=True, text=True, check=True
    )
    identity = made.stdout.strip()
    try:
        yield Place(found, (*machine.podman, "exec", "--interactive", identity))
    finally:
        subprocess.run((*machine.podman, "rm", "--force", "--time=0", identity), capture_output=True, check=True)


def _image(machine: Machine) -> str:
    """The newest host image that has Pacemaker."""
    for each in image.images(machine.podman):
        with suppress(SchedulerUnavailable), Scheduler(in_image(machine.podman, each, machine.create_options())):
            return each
    raise SystemExit("no host image on this machine has Pacemaker; make one: quorate lab up")


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def spread(
    cores: int, place: Place, engine: str, work: Sequence[T], each: Callable[[Scheduler, T], object]
) -> float:
    """Give each of so many schedulers its part of the work; the seconds it takes."""
    schedulers = [Scheduler(place, engine) for _ in range(cores)]
    try:
        with ThreadPoolExecutor(cores) as threads:

            def part(number: int) -> None:
                for one in work[number::cores]:
                    each(schedulers[number], one)

            return timed(lambda: list(threads.map(part, range(cores))))
    finally:
        for scheduler in schedulers:
            scheduler.close()


def shell(place: Place, states: Sequence[State], cores: int, what: str) -> float:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number, each in enumerate(states):
            member = tarfile.TarInfo(f"loop/{number}.xml")
            content = each.xml.encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    prepare = place.command("sh", "-c", "rm -rf /dev/shm/loop; tar --extract --directory /dev/shm")
    subprocess.run(prepare, input=packed.getvalue(), capture_output=True, check=True)
    loop = place.command("bash", "-c", LOOP, "bash", str(cores), what)
    return timed(lambda: subprocess.run(loop, capture_output=True, check=True))


def settled(place: Place, found: Sequence[Situation], start: State, cores: int, engine: str) -> float:
    """Scheduled by an engine, carried out in the model: no properties judged, nothing remembered."""

    def each(scheduler: Scheduler, situation: Situation) -> None:
        play(situation, start, lambda now: read_graph(scheduler.schedule(now.xml)))

    return spread(cores, place, engine, found, each)


def remembering(place: Place, found: Sequence[Situation], start: State, cores: int) -> float:
    """As a proof does it: in processes of their own, which remember what was decided."""
    assignment = Assignment(place, LIBRARY, start.xml, intent.of(start.configuration), (), KNOWN, ())
    parts = [replace(assignment, situations=tuple(found[at : at + CHUNK])) for at in range(0, len(found), CHUNK)]
    with Pool(cores) as executor:
        list(executor.map(judge_assigned, [assignment] * cores))  # started
        return timed(lambda: list(executor.map(judge_assigned, parts)))


def compare(name: str, place: Place) -> None:
    start = state.read(DESIGNS[name]())
    question = Question(start, intent.of(start.configuration), place)
    rest = steady(question, schedule_at(place)).end
    everything = list(situations.singles(situations.scope(rest, sample=3)))
    single = [each for each in everything if len(each.events) == 1]
    found = random.Random(SEED).sample(single, min(SAMPLE[name], len(single)))
    states = [each.events[0].happen(rest) for each in found]
    print(f"\n{name}: {len(everything)} single situations; compared on {len(found)} of one event, seed {SEED}")
    print(f"{'':34}{'1 core':>12}{'2 cores':>12}")

    def line(what: str, work: Callable[[int], float], count: int = len(found)) -> None:
        rates = [count / work(cores) for cores in (1, 2)]
        print(f"{what:34}" + "".join(f"{rate:>10.1f}/s" for rate in rates), flush=True)

    def schedule(scheduler: Scheduler, one: State) -> None:
        scheduler.schedule(one.xml)

    line("schedules, in process", lambda n: spread(n, place, LIBRARY, states, schedule))
    line("schedules, forked crm_simulate", lambda n: spread(n, place, COMMAND, states, schedule))
    line("schedules, shell loop", lambda n: shell(place, states, n, "schedule"))
    line("settled, in process", lambda n: settled(place, found, rest, n, LIBRARY))
    line("settled, shell loop", lambda n: shell(place, states, n, "settle"))
    if name in SMALL:
        line("all settled, as a proof does", lambda n: remembering(place, everything, rest, n), len(everything))
        line("all settled, forked loop", lambda n: settled(place, everything, rest, n, COMMAND), len(everything))
    for cores in (1, 2) if name in SMALL else (2,):
        with Pool(cores) as executor:
            proof = prove(question, executor=executor)
        count = sum(proof.coverage.classes.values())
        took = f"{count} situations in {proof.coverage.seconds:.1f} s"
        print(f"whole proof, {cores} process(es): {took}, {proof.verdict.value}", flush=True)


def _design(name: str) -> str:
    # argparse's own choices refuse an empty list
    if name not in DESIGNS:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(DESIGNS)}")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", help="the host image (default: the lab's newest)")
    parser.add_argument("designs", nargs="*", type=_design, default=list(DESIGNS), metavar="DESIGN")
    args = parser.parse_args()
    with container(args.image) as place:
        for name in args.designs:
            compare(name, place)


if __name__ == "__main__":
    main()
