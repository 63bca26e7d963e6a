"""Say how this Galera member is, then write through the proxy and read that back from every member.

Reads {"socket": PATH, "members": {NODE: ADDRESS}, "port": PORT, "proxy": ADDRESS, "user": NAME, "password": TEXT};
the user owns a database of its name. Answers {"state": {variable: value}, "write": null if well, else what was
wrong, "read": {NODE: the same}}; "state" is {"error": text} if the local server does not answer.
"""

import json
import os
import secrets
import sys

import pymysql

STATE = """
SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
 WHERE VARIABLE_NAME IN ('WSREP_LOCAL_STATE_COMMENT', 'WSREP_CLUSTER_STATUS', 'WSREP_CLUSTER_SIZE',
                         'WSREP_CLUSTER_STATE_UUID', 'WSREP_READY')
UNION ALL SELECT 'innodb_flush_log_at_trx_commit', @@global.innodb_flush_log_at_trx_commit
"""
TABLE = "CREATE TABLE IF NOT EXISTS probe (node VARCHAR(255) PRIMARY KEY, token CHAR(32) NOT NULL)"
WRITE = "REPLACE INTO probe VALUES (%s, %s)"
READ = "SELECT token FROM probe WHERE node = %s"
NODE = os.uname().nodename
NO_SUCH_TABLE = 1146


def connected(asked, **where):
    """A connection with short patience."""
    patience = {"connect_timeout": 3, "read_timeout": 5, "write_timeout": 5, "autocommit": True}
    login = {} if "unix_socket" in where else {key: asked[key] for key in ("port", "user", "password")}
    return pymysql.connect(**patience, **login, **where)


def state(asked):
    """The local server's state."""
    try:
        with connected(asked, unix_socket=asked["socket"], user="root") as server, server.cursor() as cursor:
            cursor.execute(STATE)
            return {name: str(value) for name, value in cursor.fetchall()}
    except pymysql.err.Error as error:
        return {"error": said(error)}


def write(asked, token):
    """Write this node's token through the proxy."""
    try:
        with connected(asked, host=asked["proxy"], database=asked["user"]) as server, server.cursor() as cursor:
            try:
                cursor.execute(WRITE, (NODE, token))
            except pymysql.err.ProgrammingError as error:
                if error.args[0] != NO_SUCH_TABLE:
                    raise
                cursor.execute(TABLE)
                cursor.execute(WRITE, (NODE, token))
    except pymysql.err.Error as error:
        return said(error)
    return None


def read(asked, address, token):
    """Read it from one member, which waits until it has applied what the others committed."""
    try:
        with connected(asked, host=address, database=asked["user"]) as server, server.cursor() as cursor:
            cursor.execute("SET SESSION wsrep_sync_wait = 1")
            cursor.execute(READ, (NODE,))
            row = cursor.fetchone()
    except pymysql.err.Error as error:
        return said(error)
    return None if row == (token,) else f"gave back {row and row[0]!r}, not {token!r}, just written"


def said(error):
    """The server's or driver's own words, without the number."""
    return str(error.args[-1]) if error.args else str(error)


def main():
    """Ask in this order: what was written has to be read."""
    asked = json.load(sys.stdin)
    token = secrets.token_hex(16)
    answer = {"state": state(asked), "write": write(asked, token), "read": {}}
    if answer["write"] is None:
        answer["read"] = {name: read(asked, at, token) for name, at in asked["members"].items()}
    print(json.dumps(answer))


main()
