"""Exit 0 if a database's tables are at the revisions that the installed package wants.

argv: the directory of Alembic's revisions within Python's packages. Reads "host user password database".
"""

import importlib.util
import pathlib
import re
import sys

import pymysql

REVISION = re.compile(r"^(down_revision|depends_on|revision)\b[^=]*=\s*(\([^)]*\)|.*)$", re.MULTILINE)


def heads(directory):
    """The revisions that no other follows or depends on, which is what Alembic writes down.

    Their files are read, for importing them takes seconds.
    """
    followed, all_ = set(), set()
    for path in directory.rglob("*.py"):
        for name, value in REVISION.findall(path.read_text(encoding="utf-8")):
            (all_ if name == "revision" else followed).update(re.findall(r"['\"]([^'\"]+)['\"]", value))
    return all_ - followed


def present(host, user, password, database):
    """The revisions at which the tables are."""
    connection = pymysql.connect(host=host, user=user, password=password, database=database)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        return {row[0] for row in cursor.fetchall()}


package, _, inside = sys.argv[1].partition("/")
(home,) = importlib.util.find_spec(package).submodule_search_locations
wanted, found = heads(pathlib.Path(home, inside)), present(*sys.stdin.read().split())
print(f"wanted {sorted(wanted)}, found {sorted(found)}")
raise SystemExit(wanted != found)
