"""Commands with their guards, and waits with their deadlines."""

from __future__ import annotations

import time

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import Job, Result
from quorate.remote.agent.processes import Failed, run


def command(item: Json, job: Job) -> Result:
    if item["unless"]:
        try:
            guard = run(item["unless"], item["unless_stdin"], item["timeout_s"])
        except OSError:  # what it asks with is not installed, so what it asks for is not there
            pass
        else:
            if guard.rc == 0:
                return Result()
            if guard.rc is None:
                raise guard.failed("its guard gave no answer within {:g} s".format(item["timeout_s"]))
    if job.check:
        return Result("changed", "runs")
    job.go_on()
    job.tell("running", "")
    try:
        ran = run(item["argv"], item["stdin"], item["timeout_s"])
    except OSError as error:
        raise Failed(
            "{} cannot be started: {}".format(item["argv"][0], error.strerror), argv=item["argv"]
        ) from error
    if ran.rc is None:
        raise ran.failed("killed after {:g} s, its timeout".format(item["timeout_s"]))
    if ran.rc != 0:
        raise ran.failed(f"exit status {ran.rc}")
    return Result("changed", "ran")


def until(item: Json, job: Job) -> Result:
    begun = time.monotonic()
    end = begun + item["within_s"]
    seen = None
    while True:
        try:
            ran = run(item["argv"], item["stdin"], max(1.0, end - time.monotonic()))
        except OSError as error:
            if job.check:
                return Result("pending", "{} is not installed yet".format(item["argv"][0]))
            raise Failed(
                "{} cannot be started: {}".format(item["argv"][0], error.strerror), argv=item["argv"]
            ) from error
        if ran.rc == 0:
            return Result()
        last = "no answer in time" if ran.rc is None else ran.last_line
        if job.check:
            return Result("pending", last)
        if time.monotonic() + item["every_s"] > end:
            raise ran.failed("not so within {:g} s; last seen: {}".format(item["within_s"], last))
        if last != seen:
            job.tell("waiting", last)
            seen = last
        job.agent.gone.wait(item["every_s"])
        job.go_on()
