"""Log in to every broker, and pass a message through a quorum queue on this node's.

Reads {"brokers": {NODE: "ADDRESS:PORT"}, "user": NAME, "password": TEXT}. Answers {"login": {NODE: null if well,
else what was wrong}, "queue": the same}.
"""

import json
import os
import secrets
import sys

import amqp

NODE = os.uname().nodename
# Should this program die half-way, the queue is gone a minute later.
ARGUMENTS = {"x-queue-type": "quorum", "x-expires": 60_000}


def connected(asked, broker):
    """A connection that waits for confirms."""
    return amqp.Connection(
        asked["brokers"][broker],
        userid=asked["user"],
        password=asked["password"],
        connect_timeout=3,
        read_timeout=5,
        write_timeout=5,
        confirm_publish=True,
    )


def login(asked, broker):
    """None if the broker lets the user in."""
    return attempt(lambda: connected(asked, broker).__enter__().close())


def queue(asked):
    """None if a message that the broker confirmed comes out of the queue again."""
    token = secrets.token_hex(8)
    name = f"quorate.verify.{NODE}.{token}"
    with connected(asked, NODE) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True, exclusive=False, auto_delete=False, arguments=ARGUMENTS)
        try:
            channel.basic_publish(amqp.Message(token, delivery_mode=2), routing_key=name, timeout=5)
            got = channel.basic_get(name)
            if got is None or got.body != token:
                return f"gave back {got and got.body!r} for a confirmed {token!r}"
            channel.basic_ack(got.delivery_tag)
        finally:
            if connection.connected:
                channel.queue_delete(name)
    return None


def attempt(work):
    """What it says, or what went wrong."""
    try:
        return work()
    except (amqp.exceptions.AMQPError, OSError) as error:
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def main():
    """Ask each broker, then this node's own."""
    asked = json.load(sys.stdin)
    logins = {broker: login(asked, broker) for broker in asked["brokers"]}
    print(json.dumps({"login": logins, "queue": attempt(lambda: queue(asked))}))


main()
