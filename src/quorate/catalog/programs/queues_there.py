"""Exit 0 if the broker has all these queues. Reads "address port user password" and the queues' names."""

import sys

import amqp

address, port, user, password, *names = sys.stdin.read().split()
with amqp.Connection(
    f"{address}:{port}", userid=user, password=password, connect_timeout=3, read_timeout=5
) as connection:
    channel = connection.channel()
    for name in names:
        try:
            channel.queue_declare(name, passive=True)
        except amqp.NotFound as error:
            raise SystemExit(str(error)) from error
