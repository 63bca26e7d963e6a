"""From a cloud to its design: components declare, Pacemaker's configuration and every file follow."""

from dataclasses import replace

from quorate import catalog
from quorate.design.configuration import configuration
from quorate.model.cloud import Cloud
from quorate.model.component import Component
from quorate.model.design import ClusterDesign, Design
from quorate.model.item import File
from quorate.model.topology import Cluster, Node


def build(cloud: Cloud) -> Design:
    """The design of a cloud; a pure function: the same cloud gives an equal design, byte for byte."""
    clusters = []
    for cluster in cloud.topology.clusters:
        components = _declared(cloud, cluster)
        clusters.append(ClusterDesign(cluster, components, configuration(cloud, cluster, components)))
    design = Design(cloud, tuple(clusters), files={})
    return replace(design, files={node.name: _files(design, node) for node in cloud.topology.nodes})


def _declared(cloud: Cloud, cluster: Cluster) -> tuple[Component, ...]:
    """The cluster's components, each after those it requires, otherwise in the order of their names."""
    names = [*catalog.implied(), *sorted(cluster.components)]
    waiting = {name: catalog.component(name, cloud, cluster) for name in names}
    ordered: list[Component] = []
    while waiting:
        ready = [
            component
            for component in waiting.values()
            if not any(needed.component in waiting for needed in component.requires)
        ]
        if not ready:
            raise ValueError(f"components that require each other in a circle: {', '.join(waiting)}")
        ordered.append(waiting.pop(ready[0].name))
    return tuple(ordered)


def _files(design: Design, node: Node) -> tuple[File, ...]:
    """One that several components bring alike is there once."""
    found = (
        file
        for cluster in design.clusters
        if node in cluster.cluster.members
        for component in cluster.components
        for file in catalog.files(component.name, design, node)
    )
    return tuple(dict.fromkeys(found))
