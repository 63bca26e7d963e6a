"""Nova's control: every conductor and scheduler up, flavours created and deleted, servers and quotas listed."""

from quorate.verify.uses import At, Wrong, all_up

NAME = "compute"
ABOUT = "every service up, a flavour created, listed and deleted, servers and quotas told"


def use(at: At) -> str:
    """Without compute nodes there is no server to make."""
    compute = at.cloud.compute
    services = list(compute.services())
    all_up(services)
    members = {node.name for node in at.design.cloud.topology.members_of("nova")}
    for binary in ("nova-conductor", "nova-scheduler"):
        missing = members - {each.host for each in services if each.binary == binary}
        if missing:
            raise Wrong(f"no {binary} on {', '.join(sorted(missing))}")
    flavor = compute.create_flavor(name=at.name, ram=64, vcpus=1, disk=1)
    at.remove(compute.delete_flavor, flavor.id, ignore_missing=True)
    if flavor.id not in {each.id for each in compute.flavors()}:
        raise Wrong(f"flavour {flavor.id} was created and is not in the list")
    compute.delete_flavor(flavor.id)
    servers = len(list(compute.servers(details=False, all_projects=True)))
    quota = compute.get_quota_set(at.cloud.current_project_id)
    return f"{len(services)} services up; {servers} servers; {quota.cores} cores are allowed"
