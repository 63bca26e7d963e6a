"""A program for nodes as a module, for tests of its parts."""

import importlib.util
from importlib.resources import files
from types import ModuleType


def load(name: str) -> ModuleType:
    """A new module of the catalogue's program of that name (`galera_check`), not run as a program."""
    path = str(files("quorate.catalog").joinpath("programs", f"{name}.py"))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
