#!/usr/bin/python3
"""Have the engines that are there go on with what an engine of Heat had in hand when it died.

An engine takes a message off its queue before it does what that says (oslo.messaging's RPC server), so what it had
in hand is lost with it, and nobody ever asks for it again: the stack stays in progress. Any engine can go on from
what is in the database, if it is told to (heat.engine.check_resource). This tells it, once for each loss, whoever
of several finds it: a resource that is locked by an engine which no longer answers; and one whose turn it is while
nobody has it locked and nothing moves: its message was lost before the lock was taken, or after it was released.
"""

import logging
import sys
import time

from heat.common import context, messaging
from heat.engine import stack as engine_stack
from heat.engine import sync_point
from heat.objects import resource as resource_object
from heat.objects import stack as stack_object
from heat.objects import sync_point as sync_point_object
from heat.rpc import listener_client, worker_client
from oslo_config import cfg

EVERY_S = 5
# An engine that lives may not answer while it finds another broker.
SILENT_LOOKS = 4
STILL_S = 60
GONE = "Engine went down during resource {}"


class Traversal:
    """One stack's way through its resources: which of them have had their turn, which have it now."""

    def __init__(self, admin, row, resources):
        self.admin, self.resources = admin, resources
        self.stack = engine_stack.Stack.load(admin, stack=row, load_template=False)
        self.dependencies = self.stack.convergence_dependencies
        self.graph = self.dependencies.graph()

    def _told(self, entity, is_update):
        """What those before it have passed on to a resource, or to the stack; None if it was never to hear."""
        point = sync_point_object.SyncPoint.get_by_key(self.admin, entity, self.stack.current_traversal, is_update)
        return None if point is None else sync_point.deserialize_input_data(point.input_data)

    def node(self, resource):
        """The place of a resource, or of the one that it replaces; None if it has none."""
        cleanup = resource.action == "DELETE"
        while resource:
            for key in ((resource.id, not cleanup), (resource.id, cleanup)):
                if key in self.graph:
                    return key
            resource = self.resources.get(resource.replaces)
        return None

    def begun(self, key):
        """What the resource there was told, if it was its turn; else None."""
        told = self._told(*key)
        return told if told is not None and set(self.graph[key]) <= set(told) else None

    def _done(self, key):
        """Whether it has passed on that it is done."""
        after = [(entity, is_update) for entity, is_update in self.dependencies.required_by(key)]
        after += [(self.stack.id, True)] if key in set(self.dependencies.roots()) else []
        return all(key in (self._told(*each) or ()) for each in after)

    def idle(self):
        """The resources whose turn it is, as far as the replacements of replaced ones."""
        for key in list(self.graph):
            resource = self.resources.get(key[0])
            while resource and key[1] and resource.replaced_by in self.resources:
                resource = self.resources[resource.replaced_by]
            if resource and self.begun(key) is not None and not self._done(key):
                yield resource

    def ask(self, resource, values):
        """Have an engine take it up, if it is still as it was found, and nobody else has asked."""
        key = self.node(resource)
        told = None if key is None else self.begun(key)
        if told is None or not resource_object.Resource.select_and_update_by_id(
            self.admin, resource.id, values, resource.engine_id, resource.atomic_key
        ):
            return
        worker_client.WorkerClient().check_resource(
            # as the stack's owner, by the trust that is kept with the stack
            self.stack.stored_context(),
            resource.id,
            self.stack.current_traversal,
            sync_point.serialize_input_data(told),
            key[1],
            None,
        )
        print(f"stack {self.stack.name} ({self.stack.id}): {resource.name} is taken up again", flush=True)


class Watch:
    """What was seen before: how often an engine was silent, since when nothing moves in a stack."""

    def __init__(self):
        self.silent, self.still = {}, {}

    def look(self, now_s):
        """Once over all stacks in progress."""
        admin = context.get_admin_context()
        found = {}
        wanted = {"status": "IN_PROGRESS", "convergence": True}
        for row in stack_object.Stack.get_all(admin, filters=wanted, show_nested=True):
            # what a stack adopts is told by its first message alone
            if row.action != "ADOPT":
                found[row.id] = row, resource_object.Resource.get_all_active_by_stack(admin, row.id)
        dead = self._dead(admin, {each.engine_id for _, all_ in found.values() for each in all_.values()} - {None})
        still = {}
        for row, resources in found.values():
            seen = (
                row.current_traversal,
                frozenset((each.id, each.action, each.status, each.engine_id) for each in resources.values()),
            )
            known, since_s = self.still.get(row.id, (None, now_s))
            still[row.id] = seen, since_s if known == seen else now_s
            lost = [each for each in resources.values() if each.engine_id in dead]
            held = any(each.engine_id for each in resources.values())
            # asked for once, and again only if something has moved since
            at_rest = not held and since_s is not None and known == seen and now_s - since_s >= STILL_S
            if lost or at_rest:
                traversal = Traversal(admin, row, resources)
                for each in lost:
                    values = {"engine_id": None, "status": "FAILED", "status_reason": GONE.format(each.action)}
                    traversal.ask(each, values)
                if at_rest:
                    still[row.id] = seen, None
                    for each in traversal.idle():
                        traversal.ask(each, {})
        self.still = still

    def _dead(self, admin, engines):
        self.silent = {
            each: 0 if listener_client.EngineListenerClient(each).is_alive(admin) else self.silent.get(each, 0) + 1
            for each in engines
        }
        return {each for each, looks in self.silent.items() if looks >= SILENT_LOOKS}


def main():
    """Look again and again; what is away for a while (database, broker) is there at another look."""
    # What Heat's libraries warn of at their start, the engine writes to its log.
    logging.basicConfig(level=logging.ERROR)
    cfg.CONF(sys.argv[1:], project="heat", prog="heat-resume")
    messaging.setup()
    watch = Watch()
    while True:
        try:
            watch.look(time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever Heat's libraries raise is said, and looked at again
            print(f"cannot look: {type(error).__name__}: {error}", flush=True)
        time.sleep(EVERY_S)  # between two looks, for as long as the engine that it goes with


if __name__ == "__main__":
    main()
