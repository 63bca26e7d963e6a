"""Reading the choices made for a topology: failover, fencing, SSH, workers and extra settings."""

import re
from collections.abc import Mapping
from pathlib import Path

from quorate.model.cloud import Fencing, FencingDevice, Settings, Ssh
from quorate.model.component import Option
from quorate.model.timers import Timers
from quorate.spec import profiles
from quorate.spec.reader import Value, among
from quorate.spec.topology import placed_component

_AGENT = re.compile(r"fence_[a-z0-9_]+")
# What Quorate fills in for every node, and what would put a password into the CIB that every node can read.
_FILLED_IN = ("pcmk_host_list", "pcmk_host_map", "plug", "port")
ALLOWED = "allowed"
_PASSWORDS = ("passwd", "password", "passwd_script", "password_script")


def failover(value: Value | None, members: int) -> Timers:
    """The timers of the profile named, or of the default one, with its overrides."""
    if value is None:
        return profiles.timers(profiles.DEFAULT, members)
    fields = value.fields((), ("profile", *profiles.NAMES))
    profile = fields["profile"].choice(profiles.PROFILES, "profile") if "profile" in fields else None
    given: dict[str, int] = {}
    complete = True
    for name, override in fields.items():
        if name != "profile":
            number = override.number(*profiles.LIMITS[name])
            complete = complete and number is not None
            if number is not None:
                given[name] = number
    timers = profiles.timers(profile or profiles.DEFAULT, members, given)
    # A timer that could not be read may be the one that makes the others agree.
    for found in profiles.contradictions(timers, members) if complete else ():
        next((fields[name] for name in found.names if name in fields), value).wrong(found.message)
    return timers


def fencing(value: Value | None) -> Fencing:
    """The fencing levels; without the key there are none, which the rules judge."""
    if value is None:
        return Fencing(())
    if value.raw is not None:
        value.wrong(
            'fencing is a text; write levels: [{agent: fence_ipmilan}] or, to do without, {none: "the reason"}'
        )
        return Fencing(())
    fields = value.fields((), ("levels", "none"))
    reason = fields["none"].text() if "none" in fields else None
    items = fields["levels"].items("of {agent: fence_ipmilan, parameters: {...}}") if "levels" in fields else []
    if "none" in fields and "levels" in fields:
        fields["none"].wrong("fencing has levels and none; keep one of the two")
    elif "levels" in fields and fields["levels"].is_sequence and not items:
        fields["levels"].wrong('fencing.levels is empty; name an agent, or write {none: "the reason"}')
    elif value.is_mapping and not fields:
        value.wrong('fencing is empty; write levels: [{agent: fence_ipmilan}] or none: "the reason"')
    levels = tuple(device for device in map(_device, items) if device is not None)
    return Fencing(levels, reason)


def _device(value: Value) -> FencingDevice | None:
    fields = value.fields(("agent",), ("parameters",))
    agent = fields["agent"].text() if "agent" in fields else None
    if agent is not None and not _AGENT.fullmatch(agent):
        fields["agent"].wrong(f"{agent} is no fencing agent; write its program's name, like fence_ipmilan")
        agent = None
    parameters: dict[str, str] = {}
    pairs = fields["parameters"].pairs("of the agent's parameters") if "parameters" in fields else []
    for key, parameter in pairs:
        name, text = key.raw or "", parameter.scalar()
        if name in _PASSWORDS:
            key.wrong(f"{name} does not belong in this file; remove it and run: quorate secrets set bmc/NODE")
        elif name in _FILLED_IN:
            key.wrong(f"{name} is filled in for each node; remove it")
        elif text is not None:
            parameters[name] = text
    return FencingDevice(agent, parameters) if agent else None


def ssh(value: Value | None, directory: Path) -> Ssh:
    """How the hosts are reached; the configuration's path is relative to the file's directory."""
    if value is None:
        return Ssh()
    fields = value.fields((), ("user", "config"))
    user = fields["user"].text() if "user" in fields else None
    config = fields["config"].text() if "config" in fields else None
    path = str((directory / Path(config).expanduser()).resolve()) if config else None
    return Ssh(user or Ssh().user, path)


def workers(value: Value | None, components: tuple[str, ...]) -> Mapping[str, int]:
    """Worker processes a node for each component named."""
    found: dict[str, int] = {}
    for key, count in value.pairs("of component names to numbers") if value else []:
        name = placed_component(key, components)
        number = count.number(1, 512)
        if name is not None and number is not None:
            found[name] = number
    return found


def options(
    value: Value | None, components: tuple[str, ...], known: Mapping[str, tuple[Option, ...]]
) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The choices made for each component that runs; `known` has those that components leave to the file."""
    given: dict[str, dict[str, tuple[str, ...]]] = {}
    for key, body in value.pairs("of component names to their options") if value else []:
        name = placed_component(key, components)
        if name is None:
            continue
        offered = {option.name: option for option in known[name]}
        fields = body.fields((), tuple(offered))
        given[name] = {each: _chosen(offered[each], field) for each, field in fields.items()}
    return {
        component: {
            option.name: given.get(component, {}).get(option.name) or option.otherwise
            for option in known[component]
        }
        for component in components
    }


def _chosen(option: Option, value: Value) -> tuple[str, ...]:
    """What was chosen; nothing where a mistake was noted."""
    if option.many:
        return tuple(text for item in value.items("of texts") if (text := item.text()))
    text = value.choice(option.choices, option.name) if option.choices else value.text()
    return (text,) if text else ()


def extra_settings(value: Value | None) -> Mapping[str, Settings]:
    """Settings to merge into rendered configurations: by file, section and key, as they are written."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, sections in value.pairs("of configuration names to sections") if value else []:
        file = found.setdefault(name.raw or "", {})
        for section, keys in sections.pairs("of section names to settings"):
            settings = file.setdefault(section.raw or "", {})
            for key, setting in keys.pairs("of settings"):
                text = setting.scalar()
                if text is not None and "\n" in text:
                    setting.wrong(f"{setting.path} has more than one line; a setting is one line")
                elif text is not None:
                    settings[key.raw or ""] = text
    return found


def release(value: Value | None, known: tuple[str, ...]) -> str:
    """The OpenStack series; it looks like a number, so YAML must be told that it is none."""
    if value is None:
        return known[-1]
    word = value.text()
    if word is not None and word not in known:
        value.wrong(f"unknown release {word}{among(known, word)}")
        word = None
    return word or known[-1]


def drills(value: Value | None) -> bool:
    """Whether the cloud may be broken on purpose."""
    return value is not None and value.choice((ALLOWED, "forbidden"), "word about drills") == ALLOWED
