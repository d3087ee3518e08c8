"""Pickles of any protocol, taken apart without importing or calling anything that they name.

Of the opcodes that pickletools reads, those that build values are followed; a name stays a name,
and what a call would return is a record (`rebuilt`), a table or an inert stand-in. Keys of tables
are plain values: the hash of tuples within tuples can take for ever.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from pickletools import genops
from typing import IO, Any

from registry.checkpoints.formats.rebuilt import (
    FUNCTIONS,
    Distributed,
    Storage,
    Tensor,
    storage_of,
)
from registry.checkpoints.formats.stand_ins import Name, StandIn, makes_values
from registry.checkpoints.formats.tables import MalformedError, set_items, table_of
from registry.checkpoints.limits import limit
from registry.errors import UnsafePickle

MOST_CLASSES = limit("pickle-classes")
# Calls that make a table; torch.Size makes the tuple that it is given.
TABLES = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")
SIZE = "torch.Size"


class Unpickler:
    """The machine that a pickle is a program for, with the dangerous half left out.

    Attributes:
        names: Classes and functions that are not torch's, as they are met.
        storages: The storages that tensors are views of, by their keys.
    """

    def __init__(self, size: int) -> None:
        """Begin on a file of `size` bytes."""
        self.left = limit("pickle-operations", size)
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under the open marks
        self.memo: dict[int, Any] = {}
        self.names: dict[str, None] = {}
        self.storages: dict[str, Storage] = {}

    def load(self, file: IO[bytes]) -> Any:
        """Return what the pickle at a stream's position holds; the stream stands behind it then.

        Raises:
            MalformedError: It makes no sense.
            UnsafePickle: It calls a function.
            Exception: It is damaged: whatever pickletools and lists raise then.
        """
        self.stack, self.below, self.memo = [], [], {}
        for opcode, argument, _ in genops(file):
            self.left -= 1
            if self.left < 0:
                raise MalformedError("it takes more operations than any model needs")
            operation = OPERATIONS.get(opcode.name)
            if operation:
                operation(self, argument)
            elif opcode.name in VALUES:
                self.stack.append(argument)
            elif opcode.name not in IGNORED:
                raise MalformedError(f"it has an operation ({opcode.name}) that no model needs")
        return self.stack.pop()

    def mark(self, _: None) -> None:
        """Begin a list of items."""
        self.below.append(self.stack)
        self.stack = []

    def items(self) -> list[Any]:
        """Return the items after the last mark."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def text(self, argument: str) -> None:
        """Push a text of Python 2, whose bytes are UTF-8."""
        self.stack.append(argument.encode("latin-1").decode("utf-8", "replace"))

    def pop(self, _: None) -> None:
        """Drop an item, or a mark."""
        if self.stack:
            self.stack.pop()
        else:
            self.items()

    def pop_mark(self, _: None) -> None:
        """Drop all items after a mark."""
        self.items()

    def duplicate(self, _: None) -> None:
        """Push an item again."""
        self.stack.append(self.stack[-1])

    def put(self, place: int) -> None:
        """Keep an item."""
        self.memo[place] = self.stack[-1]

    def memoise(self, _: None) -> None:
        """Keep an item in the next place."""
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, place: int) -> None:
        """Push what was kept."""
        self.stack.append(self.memo[place])

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the last items."""
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise MalformedError("it is no pickle of tensors")
        self.stack[-count:] = [items]

    def make_tuple(self, _: None) -> None:
        """Make a tuple of the items after a mark."""
        items = tuple(self.items())
        self.stack.append(items)

    def make_list(self, _: None) -> None:
        """Make a list, or a set, of the items after a mark."""
        items = self.items()
        self.stack.append(items)

    def make_table(self, _: None) -> None:
        """Make a table of keys and values after a mark."""
        items = self.items()
        table: dict[Any, Any] = {}
        set_items(table, items)
        self.stack.append(table)

    def set_item(self, _: None) -> None:
        """Set one item of a table."""
        value, key = self.stack.pop(), self.stack.pop()
        set_items(self.stack[-1], [key, value])

    def set_all(self, _: None) -> None:
        """Set the items after a mark."""
        items = self.items()
        set_items(self.stack[-1], items)

    def append(self, _: None) -> None:
        """Append an item to a list."""
        item = self.stack.pop()
        self.extend_last([item])

    def append_all(self, _: None) -> None:
        """Append the items after a mark."""
        self.extend_last(self.items())

    def extend_last(self, items: list[Any]) -> None:
        """Append to a list; what stands in for a list keeps none of its items."""
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, StandIn):
            raise MalformedError("it is no pickle of tensors")

    def name(self, argument: str) -> None:
        """Push a name, which pickletools gives as module and name with a space between."""
        module, _, name = argument.partition(" ")
        self.stack.append(self.named(module, name))

    def stacked_name(self, _: None) -> None:
        """Push a name whose parts are on the stack."""
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(self.named(module, name))

    def named(self, module: Any, name: Any) -> Name:
        """Return a name as Python 3 has it. Raises UnsafePickle where there are too many."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise MalformedError("it is no pickle of tensors")
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        text = f"{IMPORT_MAPPING.get(module, module)}.{name}"
        if not text.startswith("torch."):
            self.names[text] = None
        if len(self.names) > MOST_CLASSES:
            raise UnsafePickle(path="", function=text)
        return Name(text)

    def call(self, _: None) -> None:
        """Push what a call returns: arguments are on top of the stack, below them what is called.

        A class is called alike by REDUCE, NEWOBJ, INST and OBJ.
        """
        arguments = self.stack.pop()
        self.stack[-1] = self.returned(self.stack[-1], arguments)

    def call_with_names(self, _: None) -> None:
        """Push what a call returns whose last arguments have names."""
        self.stack.pop()
        self.call(None)

    def call_first(self, _: None) -> None:
        """Push what a call returns: after a mark stand what is called and the arguments."""
        called, *arguments = self.items()
        self.stack.append(self.returned(called, tuple(arguments)))

    def call_named(self, argument: str) -> None:
        """Push what the call of a name returns with the items after a mark."""
        module, _, name = argument.partition(" ")
        self.stack.append(self.returned(self.named(module, name), tuple(self.items())))

    def returned(self, called: Any, arguments: Any) -> Any:
        """Return what stands for the result of a call.

        Raises UnsafePickle where a function is called that is not known to make a value.
        """
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise MalformedError("it is no pickle of tensors")
        name = called.text
        if name in FUNCTIONS:
            return FUNCTIONS[name](*arguments)
        if name in TABLES:
            return table_of(arguments)
        if name == SIZE and len(arguments) == 1:
            return arguments[0]
        if not makes_values(name):
            raise UnsafePickle(path="", function=name)
        return StandIn(name, arguments)

    def build(self, _: None) -> None:
        """Give an instance its attributes; those of a table (its version) are dropped."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, StandIn | Distributed):
            target.take_state(state)
        elif not isinstance(target, dict | Tensor):
            raise MalformedError("it is no pickle of tensors")

    def persistent(self, _: None) -> None:
        """Push the storage that the pickle gives a place for."""
        storage = storage_of(self.stack[-1])
        if isinstance(storage, Storage):
            first = self.storages.setdefault(storage.key, storage)
            if (first.dtype, first.whole) != (storage.dtype, storage.whole):
                raise MalformedError("it gives one storage two types or lengths")
        self.stack[-1] = storage


VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
"""Opcodes that push their argument."""
IGNORED = {"PROTO", "FRAME", "STOP", "READONLY_BUFFER"}
OPERATIONS: dict[str, Callable[[Unpickler, Any], None]] = {
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_SET": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "STRING": Unpickler.text,
    "BINSTRING": Unpickler.text,
    "SHORT_BINSTRING": Unpickler.text,
    "MARK": Unpickler.mark,
    "POP": Unpickler.pop,
    "POP_MARK": Unpickler.pop_mark,
    "DUP": Unpickler.duplicate,
    "PUT": Unpickler.put,
    "BINPUT": Unpickler.put,
    "LONG_BINPUT": Unpickler.put,
    "MEMOIZE": Unpickler.memoise,
    "GET": Unpickler.get,
    "BINGET": Unpickler.get,
    "LONG_BINGET": Unpickler.get,
    "TUPLE": Unpickler.make_tuple,
    "LIST": Unpickler.make_list,
    "FROZENSET": Unpickler.make_list,
    "DICT": Unpickler.make_table,
    "SETITEM": Unpickler.set_item,
    "SETITEMS": Unpickler.set_all,
    "APPEND": Unpickler.append,
    "APPENDS": Unpickler.append_all,
    "ADDITEMS": Unpickler.append_all,
    "GLOBAL": Unpickler.name,
    "STACK_GLOBAL": Unpickler.stacked_name,
    "REDUCE": Unpickler.call,
    "NEWOBJ": Unpickler.call,
    "NEWOBJ_EX": Unpickler.call_with_names,
    "OBJ": Unpickler.call_first,
    "INST": Unpickler.call_named,
    "BUILD": Unpickler.build,
    "BINPERSID": Unpickler.persistent,
}
