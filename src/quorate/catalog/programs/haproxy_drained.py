#!/usr/bin/python3
"""Wait until no proxy gives requests to an API of this host that does not run: it may be started then.

Usage: haproxy-drained PATH PORT PROXY...; a proxy answers PATH with 200 while it gives requests to the API. One
that starts takes connections before it can answer them: a proxy that has not missed it makes clients wait.
"""

import http
import http.client
import sys
import time

WITHIN_S = 20
POLL_S = 0.1
# A proxy on a host that is no more gives nothing to anybody.
TIMEOUT_S = 0.5


def gives(proxy, port, path):
    """Whether that proxy gives requests to the API."""
    connection = http.client.HTTPConnection(proxy, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main():
    """Exit 1 with those that still do after WITHIN_S."""
    path, port, *proxies = sys.argv[1:]
    end = time.monotonic() + WITHIN_S
    while proxies := [proxy for proxy in proxies if gives(proxy, int(port), path)]:
        if time.monotonic() > end:
            sys.exit(f"{', '.join(proxies)}: requests to {path}, which does not run, for {WITHIN_S} s")
        time.sleep(POLL_S)  # between two looks; `end` is their deadline


if __name__ == "__main__":
    main()
