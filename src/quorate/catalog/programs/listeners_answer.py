"""Ask every listener through each of its addresses, as a client would.

Reads [{"name": N, "address": A, "port": P, "request": "GET /path" or null, "status": S}]; answers {N: {"A:P": null
if well, else what was wrong}}. An HTTP one must answer with that status; any other must keep the connection open:
a proxy closes it when no server stands behind it.
"""

import http.client
import json
import socket
import sys

PATIENCE_S = 5
SILENCE_S = 1  # a server that lets its client speak first says nothing


def trouble(address, port, request, wanted):
    """None if it answers."""
    try:
        if request is None:
            return closed(address, port)
        method, _, path = request.partition(" ")
        connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_S)
        connection.request(method, path)
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return None if status == wanted else f"HTTP status {status}"


def closed(address, port):
    """Whether the connection is closed at once."""
    with socket.create_connection((address, port), PATIENCE_S) as connection:
        connection.settimeout(SILENCE_S)
        try:
            return None if connection.recv(1) else "closed the connection: no server behind it"
        except TimeoutError:
            return None


answer = {}
for each in json.load(sys.stdin):
    at = answer.setdefault(each["name"], {})
    at[f"{each['address']}:{each['port']}"] = trouble(
        each["address"], each["port"], each["request"], each["status"]
    )
print(json.dumps(answer))
