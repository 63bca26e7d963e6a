"""Log in to every database as its user through every address of the proxy.

Reads {"addresses": [[ADDRESS, PORT]], "users": {NAME: PASSWORD}}; a user's database has its name. Answers {NAME:
{"ADDRESS:PORT": null if well, else what was wrong}}.
"""

import json
import sys

import pymysql


def trouble(name, password, address, port):
    """None if the database answers its user."""
    try:
        with pymysql.connect(
            host=address,
            port=port,
            user=name,
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
    name: {f"{address}:{port}": trouble(name, password, address, port) for address, port in asked["addresses"]}
    for name, password in asked["users"].items()
}
print(json.dumps(answer))
