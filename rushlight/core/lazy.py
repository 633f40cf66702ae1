"""Names that are imported when they are first used, so that a program starts at once."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rushlight.core.advice import PACKAGE, advice

Home = tuple[str, str | None]  # a module and its attribute, or a module alone


class LazyPackage(ModuleType):
    """A package whose exports, listed in the stub beside it, are imported on first use.

    An export wins over a submodule of the same name: `rl.tensor` is the function.
    """

    _homes: dict[str, Home]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            more = advice(PACKAGE, name)
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}{more}")
        module, attribute = self._homes[name]
        imported = importlib.import_module(module)
        found = imported if attribute is None else getattr(imported, attribute)
        self.__dict__[name] = found
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        shadows = isinstance(value, ModuleType) and self._homes.get(name, ("", None))[1] is not None
        if not shadows:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self._homes, *self.__dict__})


def attach(package: str) -> list[str]:
    """Make a package lazy by its stub `__init__.pyi`; return the names that it exports.

    Each `from module import name as name` of the stub becomes an import on first use.
    """
    module = sys.modules[package]
    homes: dict[str, Home] = {}
    stub = Path(str(module.__file__)).with_suffix(".pyi")
    for statement in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                homes[alias.asname or alias.name] = _home(package, statement.module, alias.name)
    module.__dict__["_homes"] = homes
    module.__class__ = LazyPackage
    return sorted(homes)


def _home(package: str, module: str, name: str) -> Home:
    return (f"{package}.{name}", None) if module == package else (module, name)


def load(module: str) -> Any:
    """Import a module by its name, at the moment when it is needed."""
    return importlib.import_module(module)
