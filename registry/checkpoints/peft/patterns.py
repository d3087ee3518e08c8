"""Patterns of module names, matched in bounded time.

The patterns of an adapter's config are regular expressions of a stranger, and Python's own matcher
can take forever over one of a dozen signs. Here all places of a name where a match may stand are
kept at once, as the bits of an integer, so that no place is tried twice (Thompson 1968).
"""

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from registry.checkpoints.limits import limit

LONGEST_PATTERN = limit("pattern-length")
MOST_STEPS = limit("pattern-steps")
CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
Node = tuple[Any, Any]
"""An operation of `re` and its arguments."""


class PatternError(ValueError):
    """What is wrong with a pattern, as the end of a sentence: 'is no regular expression'."""


@dataclass(frozen=True)
class Pattern:
    r"""A regular expression that is to match the end of a module's name, as peft matches it.

    From a dot or the start of the name to its end: `(.*\\.)?(KEY)$` (peft.utils.get_pattern_key).
    """

    nodes: Sequence[Node]

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches the end of a name.

        Raises:
            PatternError: Where that would take too long.
        """
        matcher = Matcher(name)
        starts = 1
        for place, letter in enumerate(name):
            if letter == ".":
                starts |= 1 << (place + 1)
        ends = matcher.ends(self.nodes, starts)
        return bool(ends >> len(name) & 1)


def compiled(key: str) -> Pattern:
    """Return a key of rank_pattern or alpha_pattern as a pattern.

    Raises:
        PatternError: Where `re` does not take it, or it is none that can be matched in bounded
            time.
    """
    if len(key) > LONGEST_PATTERN:
        message = f"has {len(key):,} characters"
        raise PatternError(message)
    try:
        with warnings.catch_warnings(action="ignore"):  # of what later versions may read otherwise
            tree = parser.parse(f"(?:{key})")
    except (re.error, RecursionError, OverflowError) as exc:
        message = "is no regular expression"
        raise PatternError(message) from exc
    check_nodes(tree)
    return Pattern(tuple(tree))


def check_nodes(tree: Any) -> None:
    """Check that every part of a pattern is one that the matcher knows.

    Raises:
        PatternError: Where it is not.
    """
    waiting = [tree]
    while waiting:
        for operation, arguments in waiting.pop():
            either_case = operation is codes.SUBPATTERN and arguments[1] & re.IGNORECASE
            if operation not in OPERATIONS or either_case:
                part = "(?i:)" if either_case else str(operation).lower()
                message = f"has a part ({part}) that cannot be matched in bounded time"
                raise PatternError(message)
            waiting += inner_trees(operation, arguments)


def inner_trees(operation: Any, arguments: Any) -> Iterable[Any]:
    """Return the parts of a pattern that stand within one of its operations."""
    if operation is codes.BRANCH:
        return arguments[1]  # type: ignore[no-any-return]
    if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.SUBPATTERN):
        return [arguments[-1]]
    if operation in (codes.ASSERT, codes.ASSERT_NOT):
        return [arguments[1]]
    return []


@dataclass
class Matcher:
    """The places of one name that a pattern may reach; place p is bit p.

    Attributes:
        name: The module's name.
        steps: Operations done so far.
    """

    name: str
    steps: int = 0
    letters: dict[str, int] = field(default_factory=dict)

    def ends(self, nodes: Iterable[Node], starts: int) -> int:
        """Return where a sequence of operations may end that begins at any of the starts.

        Raises:
            PatternError: Where that takes too long.
        """
        places = starts
        for operation, arguments in nodes:
            self.steps += 1
            if self.steps > MOST_STEPS:
                message = "takes too long to match"
                raise PatternError(message)
            places = OPERATIONS[operation](self, arguments, places)
            if not places:
                break
        return places

    def step(self, places: int, fits: Callable[[str], bool], key: str) -> int:
        """Return the places after the letters that fit.

        Args:
            key: Names the condition, so that it is asked once of every letter.
        """
        mask = self.letters.get(key)
        if mask is None:
            mask = 0
            for place, letter in enumerate(self.name):
                mask |= fits(letter) << place
            self.letters[key] = mask
        return (places & mask) << 1

    def literal(self, code: int, places: int) -> int:
        """Match one letter."""
        return self.step(places, lambda letter: ord(letter) == code, f"={code}")

    def not_literal(self, code: int, places: int) -> int:
        """Match any letter but one."""
        return self.step(places, lambda letter: ord(letter) != code, f"!{code}")

    def anything(self, _: None, places: int) -> int:
        """Match any letter."""
        return self.step(places, lambda letter: letter != "\n", ".")

    def one_of(self, members: Sequence[Node], places: int) -> int:
        """Match a letter of a set."""
        return self.step(places, lambda letter: in_set(members, letter), str(members))

    def branch(self, arguments: tuple[None, Sequence[Any]], places: int) -> int:
        """Match one of several ways."""
        reached = 0
        for way in arguments[1]:
            reached |= self.ends(way, places)
        return reached

    def group(self, arguments: tuple[Any, int, int, Any], places: int) -> int:
        """Match what stands in brackets."""
        return self.ends(arguments[-1], places)

    def repeat(self, arguments: tuple[int, int, Any], places: int) -> int:
        """Match several times; whether greedily or not leads to the same ends."""
        least, most, inner = arguments
        for _ in range(min(least, len(self.name) + 1)):  # no more of them can reach other places
            places = self.ends(inner, places)
        reached = frontier = places
        for _ in range(min(most - least, len(self.name))):
            frontier = self.ends(inner, frontier) & ~reached
            if not frontier:
                break
            reached |= frontier
        return reached

    def look(self, arguments: tuple[int, Any], places: int) -> int:
        """Keep the places at which something follows, or goes before."""
        direction, inner = arguments
        kept = 0
        for place in range(len(self.name) + 1):
            here = 1 << place
            if not places & here:
                continue
            if direction > 0:
                is_there = bool(self.ends(inner, here))
            else:
                width = inner.getwidth()[0]  # of all that it may match: re allows no other
                is_there = place >= width and bool(self.ends(inner, here >> width) & here)
            kept |= here * is_there
        return kept

    def look_not(self, arguments: tuple[int, Any], places: int) -> int:
        """Keep the places at which something does not follow, or go before."""
        return places & ~self.look(arguments, places)

    def at(self, where: Any, places: int) -> int:
        """Keep the start of the name, its end, or what is or is no edge of a word."""
        last = len(self.name)
        if where in (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING):
            return places & 1
        if where in (codes.AT_END, codes.AT_END_STRING):
            return places & 1 << last
        kept = 0
        for place in range(last + 1):
            before = place > 0 and is_word(self.name[place - 1])
            after = place < last and is_word(self.name[place])
            if (before != after) is (where is codes.AT_BOUNDARY):
                kept |= 1 << place
        return places & kept


OPERATIONS: dict[Any, Callable[[Matcher, Any, int], int]] = {
    codes.LITERAL: Matcher.literal,
    codes.NOT_LITERAL: Matcher.not_literal,
    codes.ANY: Matcher.anything,
    codes.IN: Matcher.one_of,
    codes.BRANCH: Matcher.branch,
    codes.SUBPATTERN: Matcher.group,
    codes.MAX_REPEAT: Matcher.repeat,
    codes.MIN_REPEAT: Matcher.repeat,
    codes.ASSERT: Matcher.look,
    codes.ASSERT_NOT: Matcher.look_not,
    codes.AT: Matcher.at,
}


def is_word(letter: str) -> bool:
    """Return whether a letter is one of a word, as `re` has it."""
    return bool(re.match(r"\w", letter))


def in_set(members: Sequence[Node], letter: str) -> bool:
    """Return whether a letter is in a set such as [a-z_]."""
    negated = False
    is_member = False
    for operation, argument in members:
        if operation is codes.NEGATE:
            negated = True
        elif operation is codes.LITERAL:
            is_member |= ord(letter) == argument
        elif operation is codes.RANGE:
            is_member |= argument[0] <= ord(letter) <= argument[1]
        elif operation is codes.CATEGORY:
            is_member |= bool(re.match(CATEGORIES[argument], letter))
    return is_member is not negated
