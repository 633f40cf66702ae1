"""Names that are imported when they are first used, so that a program starts at once."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rushlight.core.advice import LAZY, advice

Home = tuple[str, str | None]  # a module and its attribute, or a module alone


class LazyPackage(ModuleType):
    """A package whose exports, listed in the stub beside it, are imported on first use.

    An export wins over a submodule of the same name: `rl.tensor` is the function.
    """

    _homes: dict[str, Home]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            more = advice(LAZY.get(self.__name__, {}), name, self._homes)
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

    Each `from module import name as name` of the stub becomes an import on first use;
    `from module import *` stands for the functions in the stub of that module, which is generated.
    """
    module = sys.modules[package]
    homes: dict[str, Home] = {}
    folder = Path(str(module.__file__)).parent
    for statement in _statements(folder / "__init__.pyi"):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            source = statement.module
            for alias in statement.names:
                if alias.name == "*":
                    below = source.removeprefix(f"{package}.").replace(".", "/")
                    functions = _functions(folder / f"{below}.pyi")
                    homes |= {name: (source, name) for name in functions}
                else:
                    homes[alias.asname or alias.name] = _home(package, source, alias.name)
    module.__dict__["_homes"] = homes
    module.__class__ = LazyPackage
    return sorted(homes)


def _statements(stub: Path) -> list[ast.stmt]:
    return ast.parse(stub.read_text("utf-8")).body


def _functions(stub: Path) -> list[str]:
    if not stub.exists():  # then the generator must be able to start
        return []
    return [one.name for one in _statements(stub) if isinstance(one, ast.FunctionDef)]


def _home(package: str, module: str, name: str) -> Home:
    return (f"{package}.{name}", None) if module == package else (module, name)


def load(module: str) -> Any:
    """Import a module by its name, at the moment when it is needed."""
    return importlib.import_module(module)
