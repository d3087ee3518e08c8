"""The grammar of a search, read into records: `family = 'llama' and std_distance < 1e-3`. Pure.

    terms       = all { "or" all }
    all         = one { "and" one }
    one         = "not" one | "(" terms ")" | text | comparison
    comparison  = word sign value | word ["not"] ("like" | "ilike") text
                | word ["not"] "in" "(" value { "," value } ")" | word "is" ["not"] "null"
    sign        = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    value       = text | number | "true" | "false"

Text stands in single or double quotes, which are doubled within it; alone it is sought in names,
as is a single word that has no quotes: `llama-3`.
Words of the grammar may be written in capitals. Which words there are to compare, and what with,
`search_fields` knows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from registry.database.stored.names import is_unicode
from registry.errors import SearchUnreadable

Value = str | int | float | bool

LONGEST = 4000  # characters of a search
DEEPEST = 40  # brackets and nots within one another
MOST_TERMS = 200
TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<word>[^\W\d]\w*)
    |(?P<sign><=|>=|<>|!=|==|=|<|>)
    |(?P<mark>[(),])
    )""",
    re.VERBOSE,
)
LOOSE = re.compile(r"\s*(\S{1,40})")
BARE = re.compile(r"[\w./:@+-]*[^\W\d_][\w./:@+-]*")
RESERVED = frozenset({"and", "or", "not", "like", "ilike", "in", "is", "null", "true", "false"})
FLAGS = {"true": True, "false": False}


class Sign(StrEnum):
    """How a word is compared with a value."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    LIKE = "like"
    ILIKE = "ilike"
    IN = "in"
    NULL = "is null"


SIGNS = {"==": Sign.EQUAL, "<>": Sign.UNEQUAL}
"""Other ways to write some."""


@dataclass(frozen=True)
class Comparison:
    """A word beside its values: one, of `in` one or more, of `is null` none."""

    word: str
    sign: Sign
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Named:
    """Models in whose name a text stands."""

    text: str


@dataclass(frozen=True)
class Not:
    """What a term does not hold for."""

    term: "Term"


@dataclass(frozen=True)
class All:
    """What all of some terms hold for."""

    terms: tuple["Term", ...]


@dataclass(frozen=True)
class Any:
    """What one of some terms holds for."""

    terms: tuple["Term", ...]


Term = Comparison | Named | Not | All | Any


class Token(NamedTuple):
    """A piece of a search: what it is, as it was written, and where, counted from 1."""

    kind: str
    text: str
    place: int


def read(text: str) -> Term | None:
    """Return the terms of a search; None for an empty one. Raises SearchUnreadable."""
    if len(text) > LONGEST:
        reason = f"it is {len(text):,} characters long, and may have {LONGEST:,}"
        raise SearchUnreadable(place=LONGEST, reason=reason)
    if not is_unicode(text):
        raise SearchUnreadable(place=1, reason="it holds characters that no stored text has")
    words = text.strip()
    if BARE.fullmatch(words) and words.lower() not in RESERVED:
        return Named(words)
    return Reading(tokens_of(text)).whole() if words else None


def tokens_of(text: str) -> list[Token]:
    """Return the pieces of a search, and its end. Raises SearchUnreadable."""
    tokens = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            loose = LOOSE.match(text, place)
            assert loose  # there is more than space before the end
            raise SearchUnreadable(place=loose.start(1) + 1, reason=unread(loose[1]))
        start = match.start(match.lastgroup)
        tokens.append(Token(match.lastgroup, match[match.lastgroup], start + 1))
        place = match.end()
    return [*tokens, Token("end", "", end + 1)]


def unread(text: str) -> str:
    """Return why no piece of a search begins with a text."""
    if text[0] in "'\"":
        return "a quotation mark is not closed"
    return f"{text!r} is neither a word, a number, a sign nor text in quotation marks"


class Reading:
    """A search that is read, piece by piece."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.next = 0
        self.depth = 0
        self.terms = 0

    def whole(self) -> Term:
        """Return all that was written. Raises SearchUnreadable."""
        term = self.any()
        if self.token.kind != "end":
            raise self.error("'and' or 'or' is missing before {}")
        return term

    @property
    def token(self) -> Token:
        """The piece that is looked at."""
        return self.tokens[self.next]

    def takes(self, text: str) -> bool:
        """Return whether the next piece is a word of the grammar or a mark; go beyond it if so."""
        token = self.token
        if token.kind in {"word", "mark"} and token.text.lower() == text:
            self.next += 1
            return True
        return False

    def any(self) -> Term:
        """Read terms between which `or` stands."""
        return self.several("or", self.all, Any)

    def all(self) -> Term:
        """Read terms between which `and` stands."""
        return self.several("and", self.one, All)

    def several(self, word: str, read_one: Callable[[], Term], kind: type[All] | type[Any]) -> Term:
        """Read terms between which a word stands."""
        terms = [read_one()]
        while self.takes(word):
            terms.append(read_one())
        return terms[0] if len(terms) == 1 else kind(tuple(terms))

    def one(self) -> Term:
        """Read a term."""
        self.depth += 1
        self.terms += 1
        if self.depth > DEEPEST or self.terms > MOST_TERMS:
            raise self.error("too many terms, or brackets within brackets, up to {}")
        term = self.term()
        self.depth -= 1
        return term

    def term(self) -> Term:
        """Read a term that is not too deep."""
        if self.takes("not"):
            return Not(self.one())
        if self.takes("("):
            term = self.any()
            self.expect(")")
            return term
        if self.token.kind == "text":
            return Named(self.text())
        if self.token.kind != "word" or self.token.text.lower() in RESERVED:
            raise self.error("a word to compare is missing before {}")
        word = self.token.text.lower()
        self.next += 1
        return self.comparison(word)

    def comparison(self, word: str) -> Term:
        """Read what stands behind a word to compare."""
        token = self.token
        if token.kind == "sign":
            self.next += 1
            sign = SIGNS.get(token.text) or Sign(token.text)
            return Comparison(word, sign, (self.value(),))
        if self.takes("is"):
            is_negated = self.takes("not")
            self.expect("null")
            return negated(Comparison(word, Sign.NULL), is_negated)

        is_negated = self.takes("not")
        for sign in (Sign.LIKE, Sign.ILIKE):
            if self.takes(sign):
                return negated(Comparison(word, sign, (self.text(),)), is_negated)
        if self.takes("in"):
            return negated(Comparison(word, Sign.IN, self.values()), is_negated)
        raise self.error(
            f"after {word!r} a sign such as = or <, or like, in or is, is missing before {{}}"
        )

    def values(self) -> tuple[Value, ...]:
        """Read the values of `in`."""
        self.expect("(")
        values = [self.value()]
        while self.takes(","):
            values.append(self.value())
        self.expect(")")
        return tuple(values)

    def value(self) -> Value:
        """Read a value."""
        token = self.token
        if token.kind == "number":
            self.next += 1
            return number_of(token)
        if token.kind == "word" and token.text.lower() in FLAGS:
            self.next += 1
            return FLAGS[token.text.lower()]
        if token.kind == "word":
            raise self.error("{} is text, which stands in quotation marks, or no value at all")
        return self.text()

    def text(self) -> str:
        """Read text in quotation marks."""
        token = self.token
        if token.kind != "text":
            raise self.error("text in quotation marks is missing before {}")
        self.next += 1
        mark = token.text[0]
        return token.text[1:-1].replace(mark * 2, mark)

    def expect(self, text: str) -> None:
        """Go beyond a word of the grammar or a mark. Raises SearchUnreadable."""
        if not self.takes(text):
            raise self.error(f"{text!r} is missing before {{}}")

    def error(self, reason: str) -> SearchUnreadable:
        """Return the error of what is looked at, which the reason names as `{}`."""
        token = self.token
        what = "the end" if token.kind == "end" else repr(token.text[:40])
        return SearchUnreadable(place=token.place, reason=reason.format(what))


def negated(term: Comparison, is_negated: bool) -> Term:
    """Return a comparison, or its contrary."""
    return Not(term) if is_negated else term


def number_of(token: Token) -> int | float:
    """Return a number. Raises SearchUnreadable for one beyond all that is stored."""
    try:
        return int(token.text)
    except ValueError:
        number = float(token.text)
    if number in {float("inf"), -float("inf")}:
        raise SearchUnreadable(place=token.place, reason=f"{token.text[:40]} is too large a number")
    return number
