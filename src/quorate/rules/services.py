"""What OpenStack's services want of the file beyond their names: shared files, networks without addresses."""

from collections.abc import Iterator

from quorate.catalog import cinder, neutron, storage
from quorate.model.cloud import Cloud
from quorate.rules.rule import Breach

SHARING = ("glance", "cinder")


def files_elsewhere(cloud: Cloud) -> Iterator[Breach]:
    """Images and volumes are on the nodes that mount the shared files.

    Elsewhere an image would be on the disk of the one node that took it, and lost with it.
    """
    for name in SHARING:
        if cloud.topology.has(name) and cloud.topology.cluster_of(name) != cloud.topology.cluster_of("storage"):
            cluster = cloud.topology.cluster_of(name)
            yield Breach(
                f"clusters.{cluster.name}.components",
                f"{name} is on another cluster than storage, so its nodes have no shared files",
                f"put {name} and storage on the same cluster",
            )


def files_nowhere(cloud: Cloud) -> Iterator[Breach]:
    """An NFS server's files have an address.

    The mounts have nothing to mount without it.
    """
    if _chosen(cloud, "storage", "backend") == storage.NFS and not _chosen(cloud, "storage", "export"):
        yield Breach(
            "options.storage",
            "storage is an NFS export, and none is named",
            "add export: SERVER:/PATH, or use glusterfs",
        )


def ceph_nowhere(cloud: Cloud) -> Iterator[Breach]:
    """Ceph is found by its monitors.

    Its clients know nothing else of it.
    """
    if _chosen(cloud, "storage", "backend") == storage.CEPH and not cloud.options["storage"]["monitors"]:
        yield Breach("options.storage", "storage is Ceph, and no monitor is named", "add monitors: [ADDRESS, ...]")


def managers_without_locks(cloud: Cloud) -> Iterator[Breach]:
    """Several managers of volumes lock what they share, in a place that all reach and that outlives each.

    Without it two of them work on one volume at a time. And Cinder's driver of files bears one only.
    """
    if _chosen(cloud, "cinder", "manager") != cinder.ACTIVE:
        return
    if storage.shares_files(cloud):
        yield Breach(
            "options.cinder.manager",
            "volumes are files, and Cinder's driver for these bears one manager only",
            "use manager: active-passive, or storage with backend: ceph",
        )
    # The rest of the URL may hold a password.
    scheme, _, _ = cinder.coordination(cloud).partition(":")
    if scheme not in cinder.COORDINATION:
        why = f"{scheme} is no place" if scheme else "no place is named"
        yield Breach(
            "options.cinder.manager",
            f"{why} for the locks of managers on several nodes",
            "add extra: {cinder.conf: {coordination: {backend_url: URL}}}, with a URL of "
            f"{', '.join(cinder.COORDINATION)}",
        )


def nowhere_to_put_vlans(cloud: Cloud) -> Iterator[Breach]:
    """VLANs are on a network without addresses.

    Its interface is given to Open vSwitch; without one no network that a user makes can be separated.
    """
    if _chosen(cloud, "neutron", "tenant_networks") == neutron.VLAN and not cloud.topology.wires:
        yield Breach(
            "options.neutron.tenant_networks",
            "users' networks are to be VLANs, and there is no network to have them on",
            "add one without addresses, networks: {provider: {interface: eth1}}, or use vxlan",
        )


def tunnels_past_the_kernel(cloud: Cloud) -> Iterator[Breach]:
    """Open vSwitch without the kernel's part has no way to the other nodes' tunnels.

    In a process of its own it reaches only what is on its bridges, not the addresses that the node has elsewhere.
    """
    choices = {name: _chosen(cloud, "neutron", name) for name in ("datapath", "tenant_networks")}
    if choices == {"datapath": neutron.NETDEV, "tenant_networks": neutron.VXLAN}:
        yield Breach(
            "options.neutron.datapath",
            "with datapath netdev the nodes' VXLAN tunnels do not reach each other",
            "use tenant_networks: vlan, or datapath: system",
        )


def _chosen(cloud: Cloud, component: str, name: str) -> str:
    return cloud.option(component, name) if cloud.topology.has(component) else ""
