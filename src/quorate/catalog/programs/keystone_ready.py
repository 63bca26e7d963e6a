"""Exit 0 if the admin user gets a token at the internal endpoint and the catalogue holds the wanted endpoints.

Reads {"url", "public", "region", "password"} as JSON from standard input; says on standard output what it saw.
"""

import json
import sys
import urllib.error
import urllib.request


def main():
    """Ask for a token and compare the catalogue in it."""
    wanted = json.load(sys.stdin)
    user = {"name": "admin", "domain": {"id": "default"}, "password": wanted["password"]}
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    identity = {"methods": ["password"], "password": {"user": user}}
    request = urllib.request.Request(
        wanted["url"] + "/auth/tokens",
        json.dumps({"auth": {"identity": identity, "scope": scope}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            catalog = json.load(answer)["token"]["catalog"]
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return f"no token from {wanted['url']}: {error}"
    urls = {
        endpoint["interface"]: endpoint["url"]
        for entry in catalog
        if entry["type"] == "identity"
        for endpoint in entry["endpoints"]
        if endpoint["region_id"] == wanted["region"]
    }
    if urls != {"internal": wanted["url"], "admin": wanted["url"], "public": wanted["public"]}:
        return f"the catalogue says {urls}"
    return ""


seen = main()
print(seen or "a token, and the catalogue as wanted")
raise SystemExit(bool(seen))
