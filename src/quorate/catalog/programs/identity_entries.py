"""Make the identity service's users and catalogue what is wanted; with `check` exit 1 if they are not.

With `left` answer what is there of services that are not wanted: [[WHAT, HOW TO REMOVE IT]].

Reads JSON: {"url", "password" of admin, "region", "roles": [NAME], "users": [{"name", "password", "roles",
"domain"}], "services": [{"name", "type", "description", "urls": {INTERFACE: URL}}]}. A user has its roles in the
project `service`, or in a domain of its own. What else is there stays. Says on standard output what differs.
"""

import http
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

WAIT_S = 60


class Identity:
    """The API, as somebody, in a project of the default domain or in a domain."""

    def __init__(self, url, name, password, project, domain=None):
        self.url = url
        home = {"name": domain} if domain else {"id": "default"}
        user = {"name": name, "domain": home, "password": password}
        scope = {"domain": home} if domain else {"project": {"name": project, "domain": home}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        self.token = None
        answer = self.ask("POST", "/auth/tokens", body)
        self.token = answer.headers["X-Subject-Token"]

    def ask(self, method, path, body=None):
        """The answer, its text read as JSON into `body`. Raises urllib.error.HTTPError."""
        headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": self.token} if self.token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text = answer.read()
            answer.body = json.loads(text) if text else None
            return answer

    def found(self, kind, **having):
        """All of a kind that have these properties."""
        query = urllib.parse.urlencode(having)
        return self.ask("GET", f"/{kind}?{query}").body[kind]

    def made(self, kind, one, wanted, **having):
        """The one that has these properties, made if there is none, and changed where it is not as wanted."""
        present = self.found(kind, **having)
        if not present:
            return self.ask("POST", f"/{kind}", {one: having | wanted}).body[one]
        (entry, *_) = present
        if any(entry.get(key) != value for key, value in wanted.items()):
            entry = self.ask("PATCH", f"/{kind}/{entry['id']}", {one: wanted}).body[one]
        return entry


def let_in(wanted, user):
    """Whether the user gets a token for its project or domain."""
    try:
        Identity(wanted["url"], user["name"], user["password"], "service", user["domain"])
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.UNAUTHORIZED:
            return False
        raise
    return True


def grants(user, entry, home, project):
    """The path of the roles that a user was given (and not those that they imply)."""
    where = f"domains/{home}" if user["domain"] else f"projects/{project}"
    return f"/{where}/users/{entry}/roles"


def differences(wanted):
    """What is not as wanted, as lines."""
    admin = Identity(wanted["url"], "admin", wanted["password"], "admin")
    for user in wanted["users"]:
        if not let_in(wanted, user):
            yield f"user {user['name']} is not let in"
            continue
        homes = admin.found("domains", name=user["domain"]) if user["domain"] else [{"id": "default"}]
        (entry,) = admin.found("users", name=user["name"], domain_id=homes[0]["id"])
        (project,) = admin.found("projects", name="service", domain_id="default")
        given = admin.ask("GET", grants(user, entry["id"], homes[0]["id"], project["id"])).body["roles"]
        roles = {role["name"] for role in given}
        if roles != set(user["roles"]):
            yield f"user {user['name']} has the roles {sorted(roles)}, not {sorted(user['roles'])}"
    known = {role["name"] for role in admin.found("roles")}
    yield from (f"there is no role {name}" for name in wanted["roles"] if name not in known)
    endpoints = admin.found("endpoints", region_id=wanted["region"])
    for service in wanted["services"]:
        there = admin.found("services", name=service["name"], type=service["type"])
        ids = {entry["id"] for entry in there}
        urls = {each["interface"]: each["url"] for each in endpoints if each["service_id"] in ids}
        if urls != service["urls"]:
            yield f"service {service['name']} is at {urls}, not at {service['urls']}"


def make(wanted):
    """Make it so."""
    admin = Identity(wanted["url"], "admin", wanted["password"], "admin")
    project = admin.made("projects", "project", {}, name="service", domain_id="default")
    for name in wanted["roles"]:
        admin.made("roles", "role", {}, name=name)
    for user in wanted["users"]:
        home = admin.made("domains", "domain", {}, name=user["domain"])["id"] if user["domain"] else "default"
        entry = admin.made("users", "user", {}, name=user["name"], domain_id=home)
        if not let_in(wanted, user):
            # not otherwise: a password that is set revokes the user's tokens, also when it is the same
            admin.ask("PATCH", f"/users/{entry['id']}", {"user": {"password": user["password"]}})
        path = grants(user, entry["id"], home, project["id"])
        roles = {admin.made("roles", "role", {}, name=name)["id"] for name in user["roles"]}
        present = {role["id"] for role in admin.ask("GET", path).body["roles"]}
        for role in roles - present:
            admin.ask("PUT", f"{path}/{role}")
        for role in present - roles:
            admin.ask("DELETE", f"{path}/{role}")
    for service in wanted["services"]:
        described = {"description": service["description"]}
        entry = admin.made("services", "service", described, name=service["name"], type=service["type"])
        for interface, url in service["urls"].items():
            having = {"service_id": entry["id"], "interface": interface, "region_id": wanted["region"]}
            admin.made("endpoints", "endpoint", {"url": url}, **having)


def left(wanted):
    """The users of the project `service`, and the catalogue's services, that are not wanted."""
    admin = Identity(wanted["url"], "admin", wanted["password"], "admin")
    wanted_users = {user["name"] for user in wanted["users"]}
    for project in admin.found("projects", name="service", domain_id="default"):
        given = admin.ask("GET", f"/role_assignments?scope.project.id={project['id']}&include_names").body
        present = {each["user"]["name"] for each in given["role_assignments"] if "user" in each}
        for name in sorted(present - wanted_users):
            yield f"service user {name}", f"openstack user delete {name}"
    types = {service["type"] for service in wanted["services"]} | {"identity"}
    for service in admin.found("services"):
        if service["type"] not in types:
            yield f"catalogue entry {service['name']}", f"openstack service delete {service['id']}"


asked = json.load(sys.stdin)
if sys.argv[1:] == ["left"]:
    print(json.dumps(list(left(asked))))
    raise SystemExit
if sys.argv[1:] == ["check"]:
    try:
        seen = list(differences(asked))
    except (urllib.error.URLError, OSError) as error:
        seen = [f"{asked['url']}: {error}"]
    print("\n".join(seen) or "as wanted")
    raise SystemExit(bool(seen))
make(asked)
