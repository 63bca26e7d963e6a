"""Quorum and membership: how many members, over which links, in how many clusters."""

from collections.abc import Iterator

from quorate.model.cloud import Cloud
from quorate.model.topology import Cluster
from quorate.rules.rule import Breach

LEAST_MEMBERS = 3
MOST_MEMBERS = 16
# The token visits every member in turn; each needs time to be scheduled and to send.
LEAST_TOKEN_PER_MEMBER_MS = 200
LEAST_TOKEN_MS = 500


def few_members(cloud: Cloud) -> Iterator[Breach]:
    """A cluster has at least 3 members.

    Of two, neither half is a majority when they lose sight of each other; a single one survives nothing.
    """
    for cluster in cloud.topology.clusters:
        if len(cluster.members) < LEAST_MEMBERS:
            yield Breach(
                _nodes(cluster),
                f"{_members(cluster)}: when one is lost no majority remains, and there is no quorum device",
                f"name {LEAST_MEMBERS} or more nodes, an odd number",
            )


def even_members(cloud: Cloud) -> Iterator[Breach]:
    """A cluster has an odd number of members.

    A network that fails in the middle splits an even number into halves, and neither goes on; the last member
    added to make the number even bears no further loss.
    """
    for cluster in cloud.topology.clusters:
        count = len(cluster.members)
        if count >= LEAST_MEMBERS and count % 2 == 0:
            yield Breach(
                _nodes(cluster),
                f"{_members(cluster)}, an even number: a split in halves stops both, "
                f"and no more members may be lost than of {count - 1}",
                "add a node or leave one out",
            )


def many_members(cloud: Cloud) -> Iterator[Breach]:
    """A cluster has at most 16 full members.

    Corosync's membership and token do not scale further; Pacemaker's remotes take part without either.
    """
    for cluster in cloud.topology.clusters:
        if len(cluster.members) > MOST_MEMBERS:
            yield Breach(
                _nodes(cluster),
                f"{_members(cluster)}, more than the {MOST_MEMBERS} that Corosync is made for",
                "keep at most 15 full members; further hosts belong in the cluster as Pacemaker remotes",
            )


def single_link(cloud: Cloud) -> Iterator[Breach]:
    """Corosync has two links or more.

    With one, a switch or cable that fails splits the cluster, and nodes in good health are fenced. Every network
    that all members have an address on becomes a link.
    """
    for cluster in cloud.topology.clusters:
        links = [
            network.name
            for network in cloud.topology.networks
            if all(network.name in member.addresses for member in cluster.members)
        ]
        if len(links) < 2 and len(cluster.members) > 1:  # noqa: PLR2004 - two is what the rule says
            yield Breach(
                _nodes(cluster),
                f"the members share one network, {links[0]}: its failure splits the cluster",
                "give every member an address on a second network, on other switches",
            )


def several_clusters(cloud: Cloud) -> Iterator[Breach]:
    """There is one cluster, as far as this release can deploy.

    The model knows several (segregated, mixed); the design does not yet place virtual IPs and proxies for them.
    """
    names = [cluster.name for cluster in cloud.topology.clusters]
    if len(names) > 1:
        yield Breach(
            "clusters",
            f"this release deploys one cluster, and the file has {len(names)}: {', '.join(names)}",
            "put all components on one cluster",
        )


def idle_node(cloud: Cloud) -> Iterator[Breach]:
    """Every node is a member of a cluster.

    Nothing is deployed to one that is not.
    """
    for node in cloud.topology.nodes:
        if not any(cloud.topology.clusters_of_node(node)):
            yield Breach(
                f"nodes.{node.name}",
                f"{node.name} is a member of no cluster, so nothing runs on it",
                "name it in a cluster's nodes, or remove it",
            )


def short_token(cloud: Cloud) -> Iterator[Breach]:
    """The token timeout gives every member its time.

    The token visits the members in turn; one that is held up on its way costs a healthy node its power. Corosync's
    own defaults give 1.2 s a member (token 3000 ms, token_coefficient 650 ms, 3 members).
    """
    for cluster in cloud.topology.clusters:
        count = max(1, len(cluster.members))
        real = cloud.timers.token_ms(count)
        least = max(LEAST_TOKEN_MS, count * LEAST_TOKEN_PER_MEMBER_MS)
        if real < least:
            yield Breach(
                "failover",
                f"the token timeout of {cluster.name} is {real} ms for {count} members, less than {least} ms: "
                "a moment's load can fence healthy nodes",
                "choose a slower profile, or raise corosync_token_ms or corosync_token_coefficient_ms",
            )


def two_node_mode(cloud: Cloud) -> Iterator[Breach]:
    """Nothing weakens the majority that decides who goes on.

    votequorum's two_node, last_man_standing, auto_tie_breaker and expected_votes let a minority act; with a wrong
    count two halves act at once.
    """
    quorum = cloud.extra.get("corosync.conf", {}).get("quorum", {})
    for key in ("two_node", "last_man_standing", "auto_tie_breaker", "expected_votes", "allow_downscale"):
        if quorum.get(key, "0") != "0":
            yield Breach(
                f"extra.corosync.conf.quorum.{key}",
                f"{key}: {quorum[key]} lets fewer than a majority of the members go on",
                "remove it; three members or more need none of it",
            )


def plain_corosync(cloud: Cloud) -> Iterator[Breach]:
    """Corosync's traffic is encrypted and authenticated.

    Without, whoever reaches the network can make members leave, and so have them fenced.
    """
    totem = cloud.extra.get("corosync.conf", {}).get("totem", {})
    for key in ("crypto_cipher", "crypto_hash"):
        if totem.get(key, "").lower() == "none":
            yield Breach(
                f"extra.corosync.conf.totem.{key}",
                f"{key}: none leaves the cluster's traffic open to anyone on its network",
                "remove it",
            )


def ipv6_management(cloud: Cloud) -> Iterator[Breach]:
    """The management network is IPv4, as far as this release can deploy.

    Addresses are joined with ports in many files, which IPv6 needs brackets for.
    """
    for network in cloud.topology.networks:
        if network.cidr.version != 4:  # noqa: PLR2004 - IP version 4
            yield Breach(
                f"networks.{network.name}.cidr",
                f"{network.cidr} is an IPv6 network, which this release does not deploy",
                "use an IPv4 network",
            )


def _nodes(cluster: Cluster) -> str:
    return f"clusters.{cluster.name}.nodes"


def _members(cluster: Cluster) -> str:
    count = len(cluster.members)
    return f"{cluster.name} has {count} member{'s' if count != 1 else ''}"
