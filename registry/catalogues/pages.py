"""The pages of a Parquet file, looked at before a reader unpacks them.

A reader takes memory for what a page's header claims. In a dictionary a few bytes stand for any
number of long texts; catalogues have none, so that a value takes the bytes that it has. What is
left to claim are counts, which must be those of the footer, and sizes, which are bounded by it.
"""

from dataclasses import dataclass
from typing import Any, BinaryIO

from registry.catalogues.columns import schema
from registry.checkpoints.limits import limit

DATA_PAGE, DATA_PAGE_V2 = 0, 3
PLAIN = (0, 3)  # values as they are, or the runs of truth values
STRUCT, LIST, SET, MAP = 12, 9, 10, 11
TRUE, FALSE, BYTE, BINARY = 1, 2, 3, 8
NUMBERS = (4, 5, 6)
DOUBLE = 7
LONGEST_HEADER = 1 << 16
DEEPEST = 8


class OddPageError(ValueError):
    """A page that no catalogue has."""


@dataclass
class Cursor:
    """Bytes in Thrift's compact protocol, and how far they were read."""

    data: bytes
    place: int = 0

    def byte(self) -> int:
        """Return the next byte."""
        if self.place >= len(self.data):
            raise OddPageError("a page's header is cut")
        value = self.data[self.place]
        self.place += 1
        return value

    def unsigned(self) -> int:
        """Return a number of seven bits a byte."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 1 << 7:
                return value
        raise OddPageError("a number in a page's header is too long")

    def number(self) -> int:
        """Return a number with a sign."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        if count > len(self.data) - self.place:
            raise OddPageError("a page's header is cut")
        self.place += count

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields of a struct, by number; texts and lists are passed over."""
        if depth > DEEPEST:
            raise OddPageError("a page's header is too deep")
        values: dict[int, Any] = {}
        field = 0
        while head := self.byte():
            delta, kind = head >> 4, head & 0x0F
            field = field + delta if delta else self.number()
            values[field] = self.value(kind, depth)
        return values

    def value(self, kind: int, depth: int) -> Any:
        """Return one value, None where it is passed over."""
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind in NUMBERS:
            return self.number()
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind == BYTE:
            return self.byte()
        if kind in (BINARY, DOUBLE):
            self.skip(self.unsigned() if kind == BINARY else 8)
            return None
        raise OddPageError("a page's header holds what none does")


def check_group(file: BinaryIO, group: Any) -> None:
    """Raise OddPageError unless the pages of a group of rows claim what its footer does.

    Args:
        file: The whole file.
        group: The footer's facts of the group.
    """
    most = limit("catalogue-group-bytes")
    names = set(schema().names)
    for place in range(group.num_columns):
        column = group.column(place)
        if column.path_in_schema.partition(".")[0] not in names:
            continue  # it is not read
        if column.has_dictionary_page:
            raise OddPageError("a column has a dictionary")
        end = column.data_page_offset + column.total_compressed_size
        check_pages(file, column.data_page_offset, end, column.num_values, most)


def check_pages(file: BinaryIO, begin: int, end: int, values: int, most: int) -> None:
    """Raise OddPageError unless pages hold as many values, in so many bytes at most."""
    counted = 0
    unpacked = 0
    while begin < end and counted < values:
        file.seek(begin)
        cursor = Cursor(file.read(min(LONGEST_HEADER, end - begin)))
        header = cursor.struct()
        kind, size, packed = header.get(1), header.get(2, -1), header.get(3, -1)
        facts = header.get(5) if kind == DATA_PAGE else header.get(8)
        if kind not in (DATA_PAGE, DATA_PAGE_V2) or not isinstance(facts, dict):
            raise OddPageError("a page is none of data")
        encoding = facts.get(2) if kind == DATA_PAGE else facts.get(4)
        if encoding not in PLAIN:
            raise OddPageError("a page holds its values in another way than plainly")
        unpacked += size
        counted += facts.get(1, -1)
        if size < 0 or packed < 0 or facts.get(1, -1) < 0 or unpacked > most or counted > values:
            raise OddPageError("a page claims more than its column")
        begin += cursor.place + packed
    if counted != values:
        raise OddPageError("a column has fewer values than it claims")
