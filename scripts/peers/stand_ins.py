"""Stand-ins for what the peers import and their parsers do not need: torch, servers, clients.

A stand-in can be imported, inherited from and named in an annotation. One that is called while a
case is parsed is noted in `CALLED`: the result would be ours and not the peer's.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

CALLED: list[str] = []
"""Names of stand-ins that were called since the last `clear()`."""


def install(packages: Sequence[str], known: Mapping[str, Mapping[str, object]]) -> None:
    """Stand in for each module of `packages` that is not there.

    `known` holds what has to work: module to name to value.
    """
    sys.meta_path.append(_Finder(frozenset(packages), known))


class _Finder(MetaPathFinder, Loader):
    def __init__(self, packages: frozenset[str], known: Mapping[str, Mapping[str, object]]) -> None:
        self._packages, self._known = packages, known

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._known.get(module.__name__, {}))


class _Module(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _stand_in(self.__name__, name)
        setattr(self, name, made)
        return made


class _Kind(ABCMeta):
    """The type of a stand-in, which is a class; what inherits from one is an ordinary class."""

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(f"{cls.__module__}.{cls.__qualname__}", name)

    def __call__(cls, *args: object, **kwargs: object) -> object:
        if "_stands_in" not in vars(cls):
            return super().__call__(*args, **kwargs)
        CALLED.append(f"{cls.__module__}.{cls.__qualname__}")
        return _decorated(args, _Value(cls))

    def __getitem__(cls, _: object) -> object:
        return cls

    def __instancecheck__(cls, instance: object) -> bool:
        return "_stands_in" not in vars(cls) and super().__instancecheck__(instance)


class _Value:
    """What a call of a stand-in gives."""

    def __init__(self, kind: _Kind) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> object:
        return getattr(self._kind, name)

    def __call__(self, *args: object, **_: object) -> object:
        return _decorated(args, self)


def _decorated(args: tuple[object, ...], otherwise: object) -> object:
    """A stand-in for a decorator leaves the function as it is."""
    return args[0] if len(args) == 1 and callable(args[0]) else otherwise


def _stand_in(module: str, name: str) -> object:
    return _Kind(
        name,
        (),
        {
            "__module__": module,
            "_stands_in": True,
            "__get_pydantic_core_schema__": classmethod(_any_value),
        },
    )


def _any_value(cls: type, source: object, handler: object) -> object:
    from pydantic_core import core_schema

    return core_schema.any_schema()
