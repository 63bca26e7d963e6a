"""The queues on which Neutron's agents call its workers, with the real broker and the real oslo.messaging."""

import json
from collections.abc import Iterator
from importlib.resources import files

import pytest

BROKER = "127.0.0.1 5672 guest guest"
START = """
export HOME=$1 RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
export RABBITMQ_MNESIA_BASE=$1 RABBITMQ_LOG_BASE=$1 RABBITMQ_PID_FILE=$1/pid RABBITMQ_CONFIG_FILE=$1/none
/usr/lib/rabbitmq/bin/rabbitmq-server -detached && /usr/lib/rabbitmq/bin/rabbitmqctl wait --timeout 60 $1/pid
"""
STOP = "HOME=$1 /usr/lib/rabbitmq/bin/rabbitmqctl --node rabbit@localhost stop"
CONF = """
[DEFAULT]
transport_url = rabbit://guest:guest@127.0.0.1:5672/
[oslo_messaging_rabbit]
rabbit_quorum_queue = true
"""
# Each topic is called before its worker comes; prints what each call gave.
CALL = """
import concurrent.futures, json, sys
import oslo_messaging
from oslo_config import cfg

class Worker:
    def answer(self, context):
        return "answered"

oslo_messaging.set_transport_defaults("neutron")
cfg.CONF(["--config-file", sys.argv[1]])
transport = oslo_messaging.get_rpc_transport(cfg.CONF)

def call(topic):
    client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic=topic), timeout=8)
    try:
        return client.call({}, "answer")
    except oslo_messaging.MessagingTimeout:
        return "lost"

topics = sys.argv[2:]
with concurrent.futures.ThreadPoolExecutor() as pool:
    calls = [pool.submit(call, topic) for topic in topics]
    concurrent.futures.wait(calls, timeout=3)
    targets = [oslo_messaging.Target(topic=topic, server="here") for topic in topics]
    workers = [oslo_messaging.get_rpc_server(transport, target, [Worker()]) for target in targets]
    for worker in workers:
        worker.start()
    print(json.dumps([each.result() for each in calls]))
    for worker in workers:
        worker.stop()
        worker.wait()
"""


@pytest.fixture(scope="module")
def here(full_tools) -> Iterator[str]:
    """A directory, and a broker that works in it."""
    place = full_tools.directory()
    done = full_tools.run("sh", "-ec", START, "sh", place)
    assert done.returncode == 0, done.stderr
    yield place
    done = full_tools.run("sh", "-ec", STOP, "sh", place)
    assert done.returncode == 0, done.stderr


def test_a_call_waits_for_its_worker_where_the_queue_is_made(full_tools, here) -> None:
    programs = files("quorate.catalog").joinpath("programs")
    make, there = (programs.joinpath(f"{name}.py").read_text() for name in ("neutron_queues", "queues_there"))
    conf = f"{here}/neutron.conf"
    asked = f"{BROKER} q-plugin q-l3-plugin"

    before = full_tools.run("python3", "-I", "-c", there, stdin=asked, files={conf: CONF, f"{here}/call.py": CALL})
    assert before.returncode == 1
    assert "no queue 'q-plugin'" in before.stderr

    done = full_tools.run("python3", "-I", "-c", make, conf, stdin="q-plugin\nq-l3-plugin")
    assert done.returncode == 0, done.stderr
    assert full_tools.run("python3", "-I", "-c", there, stdin=asked).returncode == 0

    called = full_tools.run("python3", f"{here}/call.py", conf, "q-plugin", "q-l3-plugin", "q-of-nobody")
    assert called.returncode == 0, called.stderr
    assert json.loads(called.stdout) == ["answered", "answered", "lost"]
