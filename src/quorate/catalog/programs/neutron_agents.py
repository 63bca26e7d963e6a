"""Exit 0 if Neutron has heard of its agents lately.

Reads {"database": [HOST, USER, PASSWORD, NAME], "agents": [[BINARY, HOST]...], "within_s": N}; null is any HOST.
"""

import json
import sys

import pymysql

LATELY = "SELECT `binary`, host FROM agents WHERE heartbeat_timestamp > UTC_TIMESTAMP() - INTERVAL %s SECOND"


def heard_of(host, user, password, database, within_s):
    """The agents that have reported, each with its host."""
    connection = pymysql.connect(host=host, user=user, password=password, database=database)
    with connection, connection.cursor() as cursor:
        cursor.execute(LATELY, (within_s,))
        return set(cursor.fetchall())


asked = json.load(sys.stdin)
found = heard_of(*asked["database"], asked["within_s"])
anywhere = {(binary, None) for binary, _ in found}
missing = [
    f"{binary} on {host}" if host else binary
    for binary, host in map(tuple, asked["agents"])
    if (binary, host) not in found | anywhere
]
print(f"not heard of: {', '.join(missing)}" if missing else f"{len(found)} agents")
raise SystemExit(bool(missing))
