"""The databases and users that no component of the design has.

Reads {"socket", "databases": [NAME], "users": [NAME]}; answers [[WHAT, HOW TO REMOVE IT]]. Users are those who may
come from anywhere, as a deployment makes them.
"""

import json
import sys

import pymysql

SYSTEM = {"information_schema", "mysql", "performance_schema", "sys"}

asked = json.load(sys.stdin)
connection = pymysql.connect(unix_socket=asked["socket"], user="root")
with connection, connection.cursor() as cursor:
    cursor.execute("SHOW DATABASES")
    databases = {name for (name,) in cursor.fetchall()} - SYSTEM - set(asked["databases"])
    cursor.execute("SELECT User FROM mysql.user WHERE Host = '%'")
    users = {name for (name,) in cursor.fetchall()} - set(asked["users"])
left = [[f"database {name}", f"mariadb -e 'DROP DATABASE `{name}`'"] for name in sorted(databases)]
left += [[f"database user {name}", f"mariadb -e 'DROP USER `{name}`'"] for name in sorted(users)]
print(json.dumps(left))
