"""Configuration files made of settings in sections: INI, flat `key = value`, haproxy.cfg and corosync.conf.

All are `{section: {key: value}}`, so that an operator's `extra:` settings merge into any of them the same way.
Files without sections use the one section `main`.
"""

from collections.abc import Iterator, Mapping

Settings = Mapping[str, Mapping[str, str]]

MAIN = "main"
NOTICE = "Written by Quorate; change quorate.yaml (extra:) and deploy instead."


def merged(settings: Settings, extra: Settings | None) -> Settings:
    """The settings with the extra ones added, an extra key winning over a given one; new sections come last."""
    result = {section: dict(keys) for section, keys in settings.items()}
    for section, keys in (extra or {}).items():
        result.setdefault(section, {}).update(keys)
    return result


def ini(settings: Settings, comment: str = "#") -> str:
    """`[section]` headers and `key = value` lines (OpenStack, MariaDB, uWSGI, systemd)."""
    lines = [f"{comment} {NOTICE}"]
    for section, keys in settings.items():
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {value}" if value else key for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def unit(settings: Settings) -> str:
    """A systemd unit file; an empty value resets a list, so it is written as `Key=`."""
    lines = [f"# {NOTICE}"]
    for section, keys in settings.items():
        lines += ["", f"[{section}]"]
        lines += [f"{key}={part}" for key, value in keys.items() for part in value.split("\n")]
    return "\n".join(lines) + "\n"


def flat(settings: Settings, separator: str = " = ") -> str:
    """One setting a line, no sections (rabbitmq.conf, memcached.conf, sysctl.d, environment files)."""
    lines = [f"# {NOTICE}"]
    lines += [f"{key}{separator}{value}" if value else key for key, value in settings[MAIN].items()]
    return "\n".join(lines) + "\n"


def haproxy(settings: Settings) -> str:
    """haproxy.cfg: a section's keyword and name, then `keyword arguments` lines indented under it."""
    lines = [f"# {NOTICE}"]
    for section, keys in settings.items():
        lines += ["", section]
        lines += [f"    {key} {value}".rstrip() for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def corosync(settings: Settings) -> str:
    """corosync.conf: `section { key: value }`, one setting a line; `nodelist.1` is a `node` in `nodelist`."""
    lines = [f"# {NOTICE}"]
    opened = ""
    for section, keys in settings.items():
        parent, _, child = section.partition(".")
        if parent != opened:
            lines += ["}"] if opened else []
            lines += ["", f"{parent} {{"]
            opened = parent
        lines += _block(child, keys)
    return "\n".join([*lines, "}"]) + "\n"


def _block(child: str, keys: Mapping[str, str]) -> Iterator[str]:
    indent = "    "
    if child:
        yield "    node {" if child.isdigit() else f"    {child} {{"
        indent *= 2
    yield from (f"{indent}{key}: {value}" for key, value in keys.items())
    if child:
        yield "    }"
