"""Log in to every database as its user through every address of the proxy.

Reads {"addresses": [[ADDRESS, PORT]], "databases": {NAME: [USER, PASSWORD]}}. Answers {NAME: {"ADDRESS:PORT": null
if well, else what was wrong}}.
"""

import json
import sys

import pymysql


def trouble(name, user, password, address, port):
    """None if the database answers its user."""
    try:
        with pymysql.connect(
            host=address,
            port=port,
            user=user,
            password=password,
            database=name,
            connect_timeout=5,
            read_timeout=5,
            write_timeout=5,
        ) as connection:
            connection.ping(reconnect=False)
    except pymysql.err.Error as error:
        return str(error.args[-1]) if error.args else str(error)
    return None


asked = json.load(sys.stdin)
answer = {
    name: {f"{address}:{port}": trouble(name, *login, address, port) for address, port in asked["addresses"]}
    for name, login in asked["databases"].items()
}
print(json.dumps(answer))
