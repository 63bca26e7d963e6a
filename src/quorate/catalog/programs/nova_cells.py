"""Map Nova's cells as wanted, or with `check` exit 1 if they are not.

Reads JSON: {"host", "user", "password", "database" of the API, "cells": {NAME: [TRANSPORT_URL, DATABASE_URL]}};
the URLs are templates. Says on standard output what differs.
"""

import json
import subprocess
import sys

import pymysql


def mapped(asked):
    """What is mapped: id and URLs by name."""
    login = {key: asked[key] for key in ("host", "user", "password", "database")}
    connection = pymysql.connect(**login)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, uuid, transport_url, database_connection FROM cell_mappings")
        return {name: (uuid, list(urls)) for name, uuid, *urls in cursor.fetchall()}


def manage(*words):
    """Run `nova-manage cell_v2` as its user."""
    command = ["runuser", "-u", "nova", "--", "nova-manage", "cell_v2", *words]
    subprocess.run(command, check=True, timeout=120)


asked = json.load(sys.stdin)
present = mapped(asked)
wrong = [name for name, urls in asked["cells"].items() if name not in present or present[name][1] != urls]
if sys.argv[1:] == ["check"]:
    print(f"not mapped as wanted: {', '.join(wrong)}" if wrong else "as wanted")
    raise SystemExit(bool(wrong))
for name in wrong:
    transport, database = asked["cells"][name]
    if name in present:
        urls = ("--transport-url", transport, "--database_connection", database)
        manage("update_cell", "--cell_uuid", present[name][0], *urls)
    elif name == "cell0":
        manage("map_cell0", "--database_connection", database)
    else:
        manage("create_cell", "--name", name, "--transport-url", transport, "--database_connection", database)
