"""Give HAProxy commands at its admin socket.

Usage: haproxy_say SOCKET COMMAND...; answers {COMMAND: what it said}, or {"error": text} if it does not run.
"""

import json
import socket
import sys


def say(path, command):
    """One command on a connection of its own: HAProxy closes it after the answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        with connection.makefile() as answer:
            return answer.read()


try:
    print(json.dumps({command: say(sys.argv[1], command) for command in sys.argv[2:]}))
except OSError as error:
    print(json.dumps({"error": f"{sys.argv[1]}: {error.strerror or error}"}))
