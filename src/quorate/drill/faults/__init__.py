"""The faults: one module each, found by being here.

A module has `faults(design) -> Iterator[Fault]`: none where the design has nothing that could break this way.
"""

import pkgutil
from importlib import import_module

from quorate.drill.fault import Fault
from quorate.model.design import Design


def faults(design: Design) -> dict[str, Fault]:
    """Every fault that a design can have, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (import_module(f"{__name__}.{name}") for name in names)
    return {fault.name: fault for module in modules for fault in module.faults(design)}
