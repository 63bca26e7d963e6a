"""What a dead engine of Heat had in hand is asked for again; Heat here is a table of resources and messages."""

import sys
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from types import ModuleType, SimpleNamespace

import pytest

import programs

LOOKS = 4


@dataclass(frozen=True)
class Stack:
    """A row."""

    id: str = "stack"
    name: str = "web"
    action: str = "CREATE"
    current_traversal: str = "first"


@dataclass(frozen=True)
class Resource:
    id: int
    status: str = "COMPLETE"
    action: str = "INIT"
    engine_id: str | None = None
    atomic_key: int = 1
    replaces: int | None = None
    replaced_by: int | None = None
    status_reason: str = ""

    @property
    def name(self):
        return f"r{self.id}"


@dataclass
class Heat:
    """A stack whose resource 2 needs 1, and 3 needs 2; `told` is what each node and the stack have heard."""

    resources: dict[int, Resource]
    told: dict
    alive: set[str] = field(default_factory=lambda: {"here"})
    stack: Stack = field(default_factory=Stack)
    asked: list = field(default_factory=list)

    edges = (((3, True), (2, True)), ((2, True), (1, True)))

    def modules(self):
        """What the program imports."""
        made = {
            "heat.common.context": {"get_admin_context": lambda: "admin"},
            "heat.common.messaging": {},
            "heat.engine.stack": {"Stack": self},
            "heat.engine.sync_point": dict.fromkeys(
                ("deserialize_input_data", "serialize_input_data"), lambda data: data
            ),
            "heat.objects.resource": {"Resource": self},
            "heat.objects.stack": {"Stack": self},
            "heat.objects.sync_point": {"SyncPoint": self},
            "heat.rpc.listener_client": {"EngineListenerClient": lambda engine: Listener(engine in self.alive)},
            "heat.rpc.worker_client": {"WorkerClient": lambda: self},
            "oslo_config": {"cfg": None},
        }
        for name, content in made.items():
            module = ModuleType(name)
            vars(module).update(content)
            yield name, module
            parent, _, child = name.rpartition(".")
            if parent:
                package = sys.modules.get(parent, ModuleType(parent))
                setattr(package, child, module)
                yield parent, package
        yield "heat", ModuleType("heat")

    # -- stacks

    def get_all(self, _admin, filters, show_nested):
        assert show_nested
        assert filters == {"status": "IN_PROGRESS", "convergence": True}
        return [self.stack]

    def load(self, _admin, stack, load_template):
        assert not load_template
        graph = {key: {before for after, before in self.edges if after == key} for key in chain(*self.edges)}
        return SimpleNamespace(
            **asdict(stack),
            stored_context=lambda: "owner",
            convergence_dependencies=SimpleNamespace(
                graph=lambda: graph,
                required_by=lambda key: [after for after, before in self.edges if before == key],
                roots=lambda: [(3, True)],
            ),
        )

    def get_by_key(self, _admin, entity, traversal, is_update):
        assert traversal == self.stack.current_traversal
        told = self.told.get((entity, is_update))
        return None if told is None else SimpleNamespace(input_data=told)

    # -- resources

    def get_all_active_by_stack(self, _admin, stack):
        assert stack == self.stack.id
        return dict(self.resources)

    def select_and_update_by_id(self, _admin, number, values, engine, atomic_key):
        is_now = self.resources[number]
        if (is_now.engine_id, is_now.atomic_key) != (engine, atomic_key):
            return False
        self.resources[number] = replace(is_now, **values, atomic_key=atomic_key + 1)
        return True

    def check_resource(self, *said):
        owner, number, traversal, told, is_update, adopted = said
        assert (owner, traversal, adopted) == ("owner", "first", None)
        self.asked.append((number, is_update, set(told)))


@dataclass(frozen=True)
class Listener:
    alive: bool

    def is_alive(self, _admin):
        return self.alive


@pytest.fixture
def watch(monkeypatch):
    """A function that gives a watch over that Heat."""

    def made(heat):
        for name, module in heat.modules():
            monkeypatch.setitem(sys.modules, name, module)
        return programs.load("heat_resume").Watch()

    return made


def looks(watch, times, *, every_s=5):
    for number in range(times):
        watch.look(number * every_s)


def second_in_hand(engine, **changes):
    """A stack whose first resource is there, and the second is in the hands of an engine."""
    resources = {
        1: Resource(1, action="CREATE"),
        2: Resource(2, action="CREATE", status="IN_PROGRESS", engine_id=engine),
        3: Resource(3),
    }
    told = {(1, True): {}, (2, True): {(1, True): "one"}, (3, True): {}, ("stack", True): {}}
    return Heat({**resources, **changes}, told)


def test_what_a_dead_engine_had_in_hand_is_given_up_and_asked_for_once(watch):
    heat = second_in_hand("gone")
    looks(watch(heat), LOOKS + 5)
    assert heat.asked == [(2, True, {(1, True)})]
    told = heat.resources[2]
    assert (told.engine_id, told.status) == (None, "FAILED")
    assert told.status_reason == "Engine went down during resource CREATE"


def test_an_engine_is_dead_when_it_was_silent_again_and_again(watch):
    heat = second_in_hand("slow")
    looking = watch(heat)
    looks(looking, LOOKS - 1)
    heat.alive.add("slow")
    looks(looking, 1)
    heat.alive.remove("slow")
    looks(looking, LOOKS - 1)
    assert heat.asked == []


def test_two_that_find_it_ask_once(watch):
    heat = second_in_hand("gone")
    seen = dict(heat.resources)
    looks(watch(heat), LOOKS)
    heat.get_all_active_by_stack = lambda _admin, _stack: seen
    looks(watch(heat), LOOKS)
    assert len(heat.asked) == 1


def test_what_a_living_engine_has_in_hand_is_left_to_it(watch):
    heat = second_in_hand("here")
    looks(watch(heat), 3, every_s=100)
    assert heat.asked == []


def test_where_nothing_moves_whoevers_turn_it_is_is_asked_once(watch):
    """The message for the second was lost on its way: the first has passed on what it is."""
    heat = second_in_hand(None)
    heat.resources[2] = Resource(2)
    looking = watch(heat)
    looks(looking, 12)
    assert heat.asked == []
    looks(looking, 30)
    assert heat.asked == [(2, True, {(1, True)})]


def test_one_that_is_done_and_has_not_said_so_is_asked_to(watch):
    heat = second_in_hand(None)
    heat.resources[2] = Resource(2, action="CREATE")
    heat.told[2, True] = {(1, True): "one"}
    looks(watch(heat), 14)
    assert heat.asked == [(2, True, {(1, True)})]


def test_after_the_last_one_the_stack_is_told(watch):
    heat = second_in_hand(None)
    heat.resources |= {number: Resource(number, action="CREATE") for number in (2, 3)}
    heat.told[3, True] = {(2, True): "two"}
    looks(watch(heat), 14)
    assert heat.asked == [(3, True, {(2, True)})]


def test_a_replacement_stands_where_the_replaced_one_stood(watch):
    heat = second_in_hand("gone")
    heat.resources[2] = Resource(2, action="CREATE", status="FAILED", replaced_by=4)
    heat.resources[4] = Resource(4, action="CREATE", status="IN_PROGRESS", engine_id="gone", replaces=2)
    looks(watch(heat), LOOKS)
    assert heat.asked == [(4, True, {(1, True)})]
    heat = second_in_hand(None)
    heat.resources[2] = Resource(2, action="CREATE", status="FAILED", replaced_by=4)
    heat.resources[4] = Resource(4, replaces=2)
    looks(watch(heat), 14)
    assert heat.asked == [(4, True, {(1, True)})]


def test_one_whose_turn_has_not_come_in_this_traversal_is_left(watch):
    """The engine that comes to it finds the lock's owner dead by itself."""
    heat = second_in_hand("gone")
    heat.told[2, True] = {}
    looks(watch(heat), LOOKS + 1)
    assert heat.asked == []
    assert heat.resources[2].engine_id == "gone"


def test_a_stack_that_was_never_begun_is_left(watch):
    heat = second_in_hand(None)
    heat.told.clear()
    looks(watch(heat), 14)
    assert heat.asked == []


def test_what_is_adopted_is_not_known_any_more(watch):
    heat = second_in_hand("gone")
    heat.stack = Stack(action="ADOPT")
    looks(watch(heat), LOOKS)
    assert heat.asked == []


def test_a_deletion_goes_on(watch):
    heat = second_in_hand("gone")
    heat.edges = (((1, False), (2, False)), ((2, False), (3, False)))
    heat.stack = Stack(action="DELETE")
    heat.resources[2] = Resource(2, action="DELETE", status="IN_PROGRESS", engine_id="gone")
    heat.told = {(3, False): {}, (2, False): {(3, False): None}, (1, False): {}, ("stack", True): {}}
    looks(watch(heat), LOOKS)
    assert heat.asked == [(2, False, {(3, False)})]
