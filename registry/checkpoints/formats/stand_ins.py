"""What takes the place of a name in a pickle: nothing of it is ever imported or run.

A class that a training script pickled along (a config, an enum, a path, a numpy number) holds no
weight: what stands in for it takes any arguments and does nothing with them. Only a function that
is no known maker of values is an error, for a pickle that calls one is not what it pretends to be.
"""

import re
import sys
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# What makes a value out of its arguments and nothing else, of the standard library and of numpy.
MAKERS = re.compile(
    r"builtins\.(set|frozenset|list|dict|tuple|bytes|bytearray|complex|slice|range|int|float"
    r"|str|bool|object)"
    r"|_codecs\.encode"
    r"|collections\.\w+|pathlib\.(\w+\.)?\w*Path|datetime\.\w+|decimal\.\w+|fractions\.Fraction"
    r"|uuid\.\w+|enum\.\w+|argparse\.Namespace|types\.SimpleNamespace|functools\.partial"
    r"|copyreg\._reconstructor|random\.Random|zoneinfo\.ZoneInfo|re\._compile"
    r"|numpy\.(dtype|ndarray|bool_|\w+\d+|dtypes\.\w+)"
    r"|numpy\.(core|_core|random)\.[\w.]+"
    r"|torch\.(device|serialization\._get_layout)"
)
# Also as Python 2 called them, which is how a pickle of torch's protocol does.
STANDARD_MODULES = sys.stdlib_module_names | {module.split(".")[0] for module in IMPORT_MAPPING}
CLASS = re.compile(r"_*[A-Z]\w*")  # the case of a class's name
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


@dataclass(frozen=True)
class Name:
    """A class, function or type that a pickle names."""

    text: str


@dataclass(eq=False)
class StandIn:
    """Takes the place of an instance of a pickled class: holds what it is given, does nothing.

    Attributes:
        of: The full name of the class.
        arguments: What the class was called with.
        attributes: The instance's own.
        table: Its items, where the class is one of tables.
    """

    of: str
    arguments: tuple[Any, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    table: dict[Any, Any] = field(default_factory=dict)

    def take_state(self, state: Any) -> None:
        """Keep the attributes, which may come with a second table for slots."""
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.attributes.update(part)


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
