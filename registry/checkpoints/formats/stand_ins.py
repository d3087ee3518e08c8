"""Inert classes that take the place of what a pickle names: nothing of it is ever imported or run.

A class that a training script pickled along (a config, an enum, a path, a numpy number) holds no
weight: what stands in for it takes any arguments and does nothing with them. Only a function that
is no known maker of values is an error, for a pickle that calls one is not what it pretends to be.
"""

import re
import sys
from _compat_pickle import IMPORT_MAPPING
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from registry.errors import UnsafePickle

# What makes a value out of its arguments and nothing else, of the standard library and of numpy.
MAKERS = re.compile(
    r"(builtins\.)?(set|frozenset|list|dict|tuple|bytes|bytearray|complex|slice|range|int|float"
    r"|str|bool|object)"
    r"|collections\.\w+|pathlib\.(\w+\.)?\w*Path|datetime\.\w+|decimal\.\w+|fractions\.Fraction"
    r"|uuid\.\w+|enum\.\w+|argparse\.Namespace|types\.SimpleNamespace|functools\.partial"
    r"|copyreg\._reconstructor|random\.Random|zoneinfo\.ZoneInfo|re\._compile"
    r"|numpy\.(dtype|ndarray|bool_|\w+\d+|dtypes\.\w+)"
    r"|numpy\.(core|_core|random)\.[\w.]+"
)
# Also as Python 2 called them, which is how a pickle of torch's protocol does.
STANDARD_MODULES = sys.stdlib_module_names | {module.split(".")[0] for module in IMPORT_MAPPING}
CLASS = re.compile(r"_*[A-Z]\w*")  # the case of a class's name
# The tables among the makers: a pickle sets their items one by one, which torch lets it do with a
# dictionary alone.
TABLES = ("collections.defaultdict",)
ARRAYS = re.compile(r"numpy\.(core|_core)\.(multiarray\._reconstruct|numeric\._frombuffer)")
# Tensors of a library's own class, which cannot be built without it, by its name.
FOREIGN_TENSORS = {
    "torchao": "torchao's quantised tensors",
    "optimum.quanto": "quanto's quantised tensors",
    "quanto": "quanto's quantised tensors",
    "bitsandbytes": "bitsandbytes' tensors",
    "transformer_engine": "Transformer Engine's tensors",
    "torch.distributed": "torch.distributed's tensors as another version of torch keeps them",
}


class StandIn:
    """Takes the place of a pickled class: holds its attributes, does nothing."""

    callable = False

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Return an instance without looking at the arguments."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Refuse to be called in the place of a function."""
        if not self.callable:
            name = f"{type(self).__module__}.{type(self).__qualname__}"
            raise UnsafePickle(path="", function=name)

    def __setstate__(self, state: Any) -> None:
        """Keep the attributes, which may come with a second table for slots."""
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.__dict__.update(part)


class TableStandIn(StandIn):
    """Takes the place of a class of tables: what is made of it is an ordered dictionary."""

    callable = True

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Return an empty table."""
        return OrderedDict()


class ListStandIn(StandIn):
    """Takes the place of a class of lists: what is made of it is a list."""

    callable = True

    def __new__(cls, *_: Any, **__: Any) -> Any:
        """Return an empty list."""
        return []


def stand_in(name: str, base: type[StandIn] | None = None) -> type[StandIn]:
    """Return an inert class of the given dotted name.

    Args:
        name: As torch's complaint has it, where builtins go without their module.
        base: The kind of stand-in that is wanted; None for the one that the name calls for.
    """
    if base is None:
        base = TableStandIn if name in TABLES else StandIn
    module, _, qualname = name.rpartition(".")
    attributes = {
        "__module__": module or "builtins",
        "__qualname__": qualname,
        "callable": base.callable or makes_values(name),
    }
    return type(qualname, (base,), attributes)


def makes_values(name: str) -> bool:
    """Return whether to call what is so named is to make a value: a known maker, or a class.

    A class of the standard library must be a known one, for some of its classes start processes.
    """
    if MAKERS.fullmatch(name):
        return True
    root, _, rest = name.partition(".")
    is_foreign = bool(rest) and root not in STANDARD_MODULES
    is_own = root == "__main__"
    return (is_foreign or is_own) and bool(CLASS.fullmatch(name.rpartition(".")[2]))


def allowed(stand_ins: dict[str, type[StandIn]]) -> list[Any]:
    """Return the stand-ins as torch's unpickler takes them: each with the full name it is for."""
    pairs: list[Any] = []
    for name, kind in stand_ins.items():
        full_name = name if "." in name else f"builtins.{name}"
        pairs.append((kind, full_name))
    return pairs


def hold_arrays(names: Iterable[str]) -> bool:
    """Return whether a pickle that names these keeps numpy arrays."""
    return any(ARRAYS.fullmatch(name) for name in names)


def foreign_tensors(names: Iterable[str]) -> str | None:
    """Return whose own tensors a pickle that names these keeps; None where it is nobody's."""
    for name in names:
        for library, kind in FOREIGN_TENSORS.items():
            if name.startswith(f"{library}."):
                return kind
    return None
