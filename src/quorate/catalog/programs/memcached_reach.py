"""Store a value in every memcached and read it back.

Reads {"servers": {NODE: [ADDRESS, PORT]}, "within_s": S}; answers {NODE: null if well, else what was wrong}.
"""

import json
import os
import secrets
import socket
import sys


def trouble(address, within_s):
    """None if the server gives back what it was given."""
    key, value = f"quorate-verify-{os.uname().nodename}", secrets.token_hex(8)
    try:
        with socket.create_connection(address, within_s) as connection, connection.makefile("rb") as lines:
            connection.settimeout(within_s)
            connection.sendall(f"set {key} 0 60 {len(value)}\r\n{value}\r\n".encode())
            stored = lines.readline().strip().decode()
            if stored != "STORED":
                return f"answered {stored!r} to a set"
            connection.sendall(f"get {key}\r\n".encode())
            got = [lines.readline().strip().decode() for _ in range(3)]
    except OSError as error:
        return f"does not answer: {error.strerror or error}"
    return None if got[1] == value and got[2] == "END" else f"gave back {got[1]!r} for {value!r}"


asked = json.load(sys.stdin)
print(json.dumps({name: trouble(tuple(at), asked["within_s"]) for name, at in asked["servers"].items()}))
