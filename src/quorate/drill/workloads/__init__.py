"""What drills use a cloud for: one module a component, of the same name, found by being here.

A module has `workloads(design, secrets) -> Iterator[Workload]`; `secrets` has values by name.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from quorate.drill.workload import Workload
from quorate.model.design import Design


def workloads(design: Design, secrets: Mapping[str, str]) -> tuple[Workload, ...]:
    """Of every component of the design that has one, in the order of dependence."""
    here = {module.name for module in pkgutil.iter_modules(__path__)}
    names = dict.fromkeys(component.name for component in design.components() if component.name in here)
    modules = (import_module(f"{__name__}.{name}") for name in names)
    return tuple(each for module in modules for each in module.workloads(design, secrets))
