"""The graph of tasks: everything comes after what it needs, and no two members are renewed at once."""

import graphlib
from itertools import pairwise

import pytest

from quorate.model.design import Design
from quorate.model.item import Cib, Command, File, Packages, Renewal, Renewed, Unit, Until
from quorate.plan.task import POLICY, Task, tasks


@pytest.fixture
def graph(any_design: Design) -> dict[str, Task]:
    found = tasks(any_design)
    by_id = {task.id: task for task in found}
    assert len(by_id) == len(found)
    return by_id


def before(graph: dict[str, Task], task_id: str) -> set[str]:
    """Everything that is done before a task begins."""
    found: set[str] = set()
    waiting = list(graph[task_id].after)
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += graph[each].after
    return found


def test_it_has_an_order_and_every_need_exists(graph: dict[str, Task]) -> None:
    assert {need for task in graph.values() for need in task.after} <= set(graph)
    order = list(graphlib.TopologicalSorter({task.id: task.after for task in graph.values()}).static_order())
    assert set(order) == set(graph)


def test_tasks_are_listed_after_what_they_need(graph: dict[str, Task]) -> None:
    """`look` and a plan's text follow the list."""
    seen: set[str] = set()
    for task in graph.values():
        assert set(task.after) <= seen, task.id
        seen.add(task.id)


def test_packages_files_membership_then_the_cluster(graph: dict[str, Task], any_design: Design) -> None:
    for cluster in any_design.clusters:
        names = [node.name for node in cluster.cluster.members]
        for name in names:
            assert f"{name}/packages" in before(graph, f"{name}/configuration")
            assert f"{name}/configuration" in before(graph, f"{name}/membership")
        assert {f"{name}/membership" for name in names} <= before(graph, f"{names[0]}/cluster")
        (configured,) = graph[f"{names[0]}/cluster"].items
        assert isinstance(configured, Cib)


def test_packages_never_start_what_pacemaker_owns(any_design: Design) -> None:
    for task in tasks(any_design):
        if task.step == "packages":
            policy, *rest = task.items
            assert isinstance(policy, File)
            assert (policy.path, policy.mode) == (POLICY, 0o755)
            kinds = [type(item) for item in rest]
            installed = kinds.index(Packages)
            masked = {item.name for item in rest[:installed] if isinstance(item, Unit) and item.masked}
            disabled = {item.name for item in rest[installed:] if isinstance(item, Unit) and item.enabled is False}
            (cluster,) = (c for c in any_design.clusters if task.node in {n.name for n in c.cluster.members})
            assert masked == {unit for component in cluster.components for unit in component.masked_units}
            assert disabled == {unit for component in cluster.components for unit in component.owned_units}
            for unit in masked | disabled:
                assert unit.removesuffix(".service") in policy.content


def test_renewals_of_a_component_follow_each_other_and_wait_until_it_serves(
    graph: dict[str, Task], any_design: Design
) -> None:
    """Never two of one component down at once: the next begins when the one before it serves again."""
    chains = set()
    for cluster in any_design.clusters:
        for component in cluster.components:
            ids = [f"{node.name}/{component.name}: serves" for node in cluster.cluster.members]
            held = [graph[each] for each in ids if each in graph]
            if any(isinstance(item, Renewed) for task in held for item in task.items):
                chains.add(component.name)
                assert len(held) == len(cluster.cluster.members)
                for earlier, later in pairwise(held):
                    assert earlier.id in before(graph, later.id)
                for task in held:
                    kinds = [type(item) for item in task.items]
                    assert kinds == sorted(kinds, key=[Renewed, Command, Until].index)
    assert chains >= {"haproxy", "galera", "memcached", "rabbitmq", "keystone"}


def test_a_renewal_comes_after_the_files_it_reads_are_written_everywhere(
    graph: dict[str, Task], any_design: Design
) -> None:
    for task in graph.values():
        written = {file.path for file in any_design.files[task.node]}
        for item in task.items:
            if isinstance(item, Renewed):
                assert item.files
                assert set(item.files) <= written
                assert f"{task.node}/configuration" in before(graph, task.id)


def test_the_proxy_is_reloaded_and_nothing_else(lab: Design) -> None:
    """A reload drops no connection; a database or a broker has nothing like it."""
    renewals = [item for task in tasks(lab) for item in task.items if isinstance(item, Renewed)]
    assert {item.resource for item in renewals if item.renewal is Renewal.RELOAD} == {"haproxy-clone"}
    assert {item.resource for item in renewals} == {
        *("haproxy-clone", "galera-clone", "galera-check-clone", "memcached-clone", "rabbitmq-clone"),
        "keystone-clone",
    }


def test_a_renewal_waits_as_long_as_pacemaker_does(lab: Design) -> None:
    (galera,) = {
        item.timeout_s
        for task in tasks(lab)
        for item in task.items
        if isinstance(item, Renewed) and item.resource == "galera-clone"
    }
    assert galera == 120 + 120 + 300 + 120  # start, stop, promote, demote


def test_steps_done_once_wait_until_every_member_is_ready(graph: dict[str, Task]) -> None:
    own = {"packages", "configuration", "membership"}
    ends = (": serves", ": prepared")
    steps = [task for task in graph.values() if task.step not in own and not task.step.startswith("cluster")]
    once = [task for task in steps if not task.step.endswith(ends)]
    assert any(task.step == "galera: databases and their users" for task in once)
    for task in once:
        component = task.step.partition(":")[0]
        ready = {other.id for other in graph.values() if other.step == f"{component}: serves"}
        assert ready <= before(graph, task.id), task.id


def test_keystone_waits_for_its_database(lab: Design) -> None:
    graph = {task.id: task for task in tasks(lab)}
    assert "ctl1/galera: databases and their users" in before(graph, "ctl1/keystone: prepared")
    assert "ctl1/keystone: prepared" in before(graph, "ctl1/cluster, stage 2")
    assert "ctl1/cluster, stage 2" in before(graph, "ctl1/keystone: serves")
    assert "ctl1/keystone: serves" in before(graph, "ctl1/keystone: create the first user and the catalogue")


def added(graph: dict[str, Task], node: str) -> dict[str, tuple[str, ...]]:
    """What each of a cluster's configurations leaves for later, by its task."""
    tasks = {task.id: task.items for task in graph.values() if task.id.startswith(f"{node}/cluster")}
    return {name: item.later for name, (item,) in tasks.items() if isinstance(item, Cib)}


def test_nothing_is_added_to_the_cluster_before_it_is_prepared(any_design: Design) -> None:
    graph = {task.id: task for task in tasks(any_design)}
    for cluster in any_design.clusters:
        first = cluster.cluster.members[0].name
        left = added(graph, first)
        assert list(left.values())[-1] == ()
        for component in cluster.components:
            prepared = f"{first}/{component.name}: prepared"
            for resource in component.resources:
                if prepared in graph and resource.id not in component.early:
                    adding = next(name for name, later in left.items() if resource.id not in later)
                    assert prepared in before(graph, adding)


def test_who_needs_a_user_of_the_identity_service_starts_once_it_is_there(full: Design) -> None:
    """Nova's conductor asks Placement as its own user when it starts, and ends if it cannot."""
    graph = {task.id: task for task in tasks(full)}
    left = added(graph, "ctl1")
    assert list(left) == ["ctl1/cluster", "ctl1/cluster, stage 2", "ctl1/cluster, stage 3"]
    assert "keystone-clone" not in left["ctl1/cluster, stage 2"]
    assert {"nova-conductor-clone", "horizon-clone"} <= set(left["ctl1/cluster, stage 2"])
    users = "ctl1/keystone: create the services' users and catalogue entries"
    assert users in before(graph, "ctl1/cluster, stage 3")


def test_what_is_prepared_waits_for_what_it_needs_and_can_have(full: Design) -> None:
    graph = {task.id: task for task in tasks(full)}
    assert "ctl1/galera: databases and their users" in before(graph, "ctl1/nova: prepared")
    # keystone is prepared itself: nobody's tables wait for tokens
    assert not any("keystone" in task for task in before(graph, "ctl1/nova: prepared"))
    assert "ctl1/keystone: create the services' users and catalogue entries" in before(graph, "ctl1/nova: serves")


def test_what_changes_the_cloud_looks_first_whether_it_has_to(any_design: Design) -> None:
    """Each command has a guard, so that a second deployment changes nothing."""
    commands = [item for task in tasks(any_design) for item in task.items if isinstance(item, Command)]
    assert commands
    assert [command.name for command in commands if not command.unless] == []


def test_a_cluster_is_not_configured_while_anything_restarts_there(
    graph: dict[str, Task], any_design: Design
) -> None:
    for cluster in any_design.clusters:
        nodes = {member.name for member in cluster.cluster.members}
        here = [task for task in graph.values() if task.node in nodes]
        restarts = [task.id for task in here if any(isinstance(item, Renewed) for item in task.items)]
        for task in here:
            if any(isinstance(item, Cib) for item in task.items):
                assert all(each in before(graph, task.id) or task.id in before(graph, each) for each in restarts)


def test_at_the_end_nobody_has_anything_left_to_start(graph: dict[str, Task]) -> None:
    last = [task for task in graph.values() if task.step == "at rest"]
    assert set().union(*(before(graph, task.id) | {task.id} for task in last)) == set(graph)


def test_the_same_design_gives_the_same_tasks(any_design: Design) -> None:
    assert tasks(any_design) == tasks(any_design)
