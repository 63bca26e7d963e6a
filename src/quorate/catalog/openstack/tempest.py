"""Tempest, OpenStack's own test suite: what it is told of a cloud, and what of its smoke set is left out there."""

from collections.abc import Iterator
from dataclasses import dataclass

from quorate.catalog import cinder, horizon, keystone, storage
from quorate.formats import settings
from quorate.model.design import Design

NAME = "tempest.conf"
SERVICES = ("cinder", "glance", "horizon", "neutron", "nova", "swift")
"""What it has tests for beside the identity service; each is taken to be there unless it is told otherwise."""
SCOPED = ("glance", "neutron", "nova", "placement")
"""Whose policies want the right scope and role by default in 2025.1. Cinder's do not yet (cinder.policy); and the
identity service is asked by an administrator of a project, not of the system."""
EXTENSIONS = (
    *("agent", "allowed-address-pairs", "binding", "dhcp_agent_scheduler", "dvr", "ext-gw-mode", "external-net"),
    *("extra_dhcp_opt", "extraroute", "filter-validation", "ip-substring-filtering", "l3-ha"),
    *("l3_agent_scheduler", "net-mtu", "port-security", "provider", "quotas", "router", "security-group"),
    *("service-type", "standard-attr-tag", "subnet_allocation"),
)
"""Those of Neutron's that Tempest asks after and that are there with the plugins it has here (no metering)."""


@dataclass(frozen=True, slots=True)
class Given:
    """What tests use and none of them makes, by its id: an image, a flavor, an external network; empty if none."""

    image: str = ""
    flavor: str = ""
    public_network: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Tests that are not tried: a regular expression which finds their names, and why."""

    tests: str
    why: str


NO_COMPUTE = "boots a server, and there are no compute nodes yet"
_BOOTING = (
    r"^tempest\.api\.compute\.servers\.",
    r"^tempest\.api\.volume\.test_volumes_actions\..*\.test_attach_detach_volume_to_instance\b",
    r"^tempest\.scenario\.test_(network|server)_basic_ops\.",
)


def left_out(design: Design, given: Given) -> Iterator[LeftOut]:
    """The tests of the smoke set that Tempest would try and that cannot pass, though nothing is wrong."""
    has = design.cloud.topology.has
    if has("nova"):
        yield from (LeftOut(tests, NO_COMPUTE) for tests in _BOOTING)
    if has("nova") and not given.flavor:
        yield LeftOut(r"^tempest\.api\.compute\.flavors\.", "shows a flavor, and none was given (--flavor)")
    if has("cinder") and has("glance") and not given.image:
        yield LeftOut(
            r"^tempest\.api\.volume\..*_from_image\b", "makes a volume of an image, and none was given (--image)"
        )


def conf(design: Design, given: Given, locks: str) -> settings.Settings:
    """tempest.conf for one who comes from outside, as administrator; `locks` is a directory for Tempest's own.

    Tempest makes users and projects of its own, for each class of tests anew, and removes them.
    """
    cloud = design.cloud
    has = cloud.topology.has
    # Cinder's driver for files has no snapshots unless it is told to, and copies a volume by one.
    snapshots = _word(has("storage") and not storage.shares_files(cloud))
    told: settings.Settings = {
        "oslo_concurrency": {"lock_path": locks},
        "auth": {
            "use_dynamic_credentials": "true",
            "admin_username": "admin",
            "admin_password": keystone.ADMIN.reference,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            # Servers would be plugged into them.
            "create_isolated_networks": "false",
        },
        "identity": {"uri_v3": design.url(keystone.SERVICE, public=True), "region": cloud.region},
        "service_available": {name: _word(has(name)) for name in SERVICES},
        "enforce_scope": {name: _word(has(name)) for name in SCOPED},
        "compute": {
            "min_compute_nodes": "0",
            "image_ref": given.image,
            "image_ref_alt": given.image,
            "flavor_ref": given.flavor,
            "flavor_ref_alt": given.flavor,
        },
        # Nobody logs in to a server.
        "validation": {"run_validation": "false"},
        "network": {"public_network_id": given.public_network},
        "network-feature-enabled": {
            "api_extensions": ",".join(EXTENSIONS),
            "floating_ips": _word(bool(given.public_network)),
            "port_security": "true",
        },
        "volume": {"catalog_type": cinder.SERVICE.type},
        "volume-feature-enabled": {"backup": "false", "snapshot": snapshots, "clone": snapshots},
        "dashboard": {"dashboard_url": _dashboard(design) if has("horizon") else ""},
    }
    known = {section: {key: value for key, value in keys.items() if value} for section, keys in told.items()}
    return settings.merged({section: keys for section, keys in known.items() if keys}, cloud.extra.get(NAME))


def _dashboard(design: Design) -> str:
    return f"{design.root(design.listener('horizon'), public=True)}{horizon.ROOT}/"


def exclusions(tests: tuple[LeftOut, ...]) -> str:
    """The file that `tempest run --exclude-list` reads: what is after `#` is the reason that it tells."""
    return "".join(f"{each.tests}  # {each.why}\n" for each in tests)


def _word(holds: bool) -> str:
    return "true" if holds else "false"
