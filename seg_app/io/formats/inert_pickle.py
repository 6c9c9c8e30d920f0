"""Pickles read without running them: what they would call is only written down.

A pickle is a program for a stack machine (https://docs.python.org/3/library/pickletools.html). The machine here knows
the instructions for plain containers and values. Where Python's own would import a name and call it, this one notes the
name and the arguments, and refuses names that are not on a list. Nothing of `pickle` is used, no code is imported, and
keys of dictionaries are plain, so that not even a hash of something deep is asked for.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Name = tuple[str, str]
"""A module and a name in it."""


@dataclass(slots=True, eq=False)
class Made:
    """What a pickle wants to make: the name of its maker, the arguments, and the state that it is given."""

    by: Name
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True, slots=True)
class Named:
    """A name that a pickle asks for."""

    name: Name


def unpickled(data: bytes, *, allowed: Callable[[Name], bool]) -> Any:
    """Return what a pickle holds: plain values, lists, tuples, dicts, and `Made` where it would call something.

    Sets are returned as lists. Raises ValueError for names that are not allowed and for instructions that plain data
    does not need, and what Python says of broken bytes (IndexError, KeyError, TypeError).
    """
    machine = _Machine(allowed)
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "STOP":
            return machine.stack.pop()
        machine.do(instruction.name, argument)
    raise ValueError("it has no end")


class _Machine:
    def __init__(self, allowed: Callable[[Name], bool]):
        self.stack: list[Any] = []
        self._allowed = allowed
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def do(self, instruction: str, argument: Any) -> None:
        if instruction in VALUES:
            self.stack.append(argument)
        elif instruction in CONSTANTS:
            self.stack.append(CONSTANTS[instruction]())
        elif instruction in INSTRUCTIONS:
            INSTRUCTIONS[instruction](self, argument)
        elif instruction not in NOTHING:
            raise ValueError(f"it has the instruction {instruction}, which plain data does not need")

    def mark(self, _: Any) -> None:
        self._marks.append(len(self.stack))

    def marked(self) -> list[Any]:
        """Take what lies above the last mark."""
        start = self._marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def drop(self, _: Any) -> None:
        self.stack.pop()

    def drop_marked(self, _: Any) -> None:
        self.marked()

    def remember(self, place: int | None) -> None:
        self._memo[len(self._memo) if place is None else place] = self.stack[-1]

    def recall(self, place: int) -> None:
        self.stack.append(self._memo[place])

    def append(self, _: Any) -> None:
        item = self.stack.pop()
        _listed(self.stack[-1]).append(item)

    def extend(self, _: Any) -> None:
        items = self.marked()
        _listed(self.stack[-1]).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _keyed(self.stack[-1])[_plain(key)] = value

    def set_items(self, _: Any) -> None:
        items = self.marked()
        _keyed(self.stack[-1]).update(_pairs(items))

    def name(self, joined: str) -> None:
        module, _, name = joined.partition(" ")
        self._push_name(module, name)

    def name_of_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push_name(module, name)

    def _push_name(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str) and self._allowed((module, name))):
            raise ValueError(f"it asks for {module!s:.60}.{name!s:.60}, which no mask needs: it may be an attack")
        self.stack.append(Named((module, name)))

    def make(self, _: Any) -> None:
        arguments, maker = self.stack.pop(), self.stack.pop()
        if not isinstance(maker, Named) or not isinstance(arguments, tuple):
            raise ValueError("it calls what is no name")
        self.stack.append(Made(maker.name, arguments))

    def give_state(self, _: Any) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Made):
            raise ValueError("it changes what it did not make")
        self.stack[-1].state = state


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("it appends to what is no list")
    return value


def _keyed(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError("it sets a key of what is no dictionary")
    return value


def _plain(key: Any) -> str | int:
    if not isinstance(key, (str, int)):
        raise ValueError("a key is neither text nor number")
    return key


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return {_plain(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _tupled(count: int) -> Callable[[_Machine, Any], None]:
    def tupled(machine: _Machine, _: Any) -> None:
        items = [machine.stack.pop() for _ in range(count)]
        machine.stack.append(tuple(items[::-1]))

    return tupled


def _collected(kind: Callable[[list[Any]], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(kind(machine.marked()))


VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING"),
    *("SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES"),
    *("BINBYTES8", "BYTEARRAY8"),
)
"""Instructions that only bring a value."""
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
}
NOTHING = frozenset({"PROTO", "FRAME"})
INSTRUCTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_marked,
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": _Machine.remember,
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "ADDITEMS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "LIST": _collected(list),
    "FROZENSET": _collected(list),
    "TUPLE": _collected(tuple),
    "DICT": _collected(_pairs),
    "TUPLE1": _tupled(1),
    "TUPLE2": _tupled(2),
    "TUPLE3": _tupled(3),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_of_stack,
    "REDUCE": _Machine.make,
    "NEWOBJ": _Machine.make,
    "BUILD": _Machine.give_state,
}
