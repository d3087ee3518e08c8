"""registry.checkpoints.hub against a hub that lies: whatever is sent for a range of a file."""

import gzip
from itertools import chain
from typing import Any

import pytest
from lies import (
    CHANGED,
    CIRCLE,
    DRIP,
    FILES,
    OTHER,
    RIGHT,
    SILENT,
    UNREACHABLE,
    WEIGHTS,
    Outcome,
    check,
    check_reading,
    good_head,
    good_part,
    moved,
    outcome,
    saying,
    weights_only,
)
from lying_hub import (
    CLOSE,
    RESET,
    Asked,
    Liar,
    answer,
    dripping,
    head,
    part,
    silent,
)


def later(lie: Any) -> Any:
    """Lie about all of the weights but their first block."""
    return weights_only(lambda asked: (lie if asked.span[0] else good_part)(asked), good_part)


def first(lie: Any) -> Any:
    """Lie about the first block of the weights."""
    return weights_only(lambda asked: (good_part if asked.span[0] else lie)(asked), good_part)


def ranged(span: str | None, **headers: object) -> Any:
    """Send what was asked for, and say that it is another range."""

    def tell(asked: Asked) -> list[bytes]:
        start, end = asked.span
        told = span and span.format(
            start=start, last=end - 1, end=end, size=len(asked.content), more=start + 7
        )
        return [part(asked, Content_Range=told, **headers)]

    return tell


def sent(change: Any, **headers: object) -> Any:
    """Send something else than was asked for."""
    return lambda asked: [part(asked, change(asked), **headers)]


def cut(asked: Asked) -> list[bytes]:
    """End the connection in the middle of the content."""
    return [part(asked)[: -(len(asked.part) // 2)], CLOSE]


def reset(asked: Asked) -> list[bytes]:
    """Reset the connection in the middle of the content."""
    return [part(asked)[: -(len(asked.part) // 2)], RESET]


def whole_file(asked: Asked) -> list[bytes]:
    """Ignore the range."""
    return [part(asked, asked.content, "200 OK", Content_Range=None)]


def multipart(asked: Asked) -> list[bytes]:
    """Send the range as one of several."""
    body = b"--x\r\nContent-Range: bytes 0-1/2\r\n\r\n" + asked.part + b"\r\n--x--\r\n"
    return [part(asked, body, Content_Range=None, Content_Type="multipart/byteranges; boundary=x")]


def replaced(asked: Asked) -> list[bytes]:
    """Another file of the same size."""
    start, end = asked.span
    return [part(asked, OTHER[start:end], ETag='"another"')]


def as_of(etag: str | None, modified: str | None = None, content: bytes = WEIGHTS) -> Any:
    """Send a range of a version."""
    return lambda asked: [
        part(asked, content[slice(*asked.span)], ETag=etag, Last_Modified=modified)
    ]


def in_spans(start: Any, rest: Any) -> Any:
    """Answer for the first block in one way, for the rest in another."""
    return lambda asked: (rest if asked.span[0] else start)(asked)


def once(lie: Any) -> Any:
    """Lie the first time that a span is asked for."""
    seen: set[int] = set()

    def tell(asked: Asked) -> Any:
        _, end = asked.span
        if end in seen:
            return good_part(asked)
        seen.add(end)
        return lie(asked)

    return tell


def head_alone(asked: Asked) -> list[bytes]:
    """End the connection before the content."""
    return [part(asked)[: -len(asked.part)], CLOSE]


OTHERS = Outcome("HubWithoutRanges", "it sends ")
STATUS = Outcome("HubWithoutRanges", "it answers ")
DAMAGED = Outcome("BrokenFile", "")
JANUARY, MAY = "Thu, 01 Jan 2026 00:00:00 GMT", "Fri, 01 May 2026 00:00:00 GMT"

BYTES: dict[str, tuple[Any, Outcome]] = {
    "in chunks": (
        later(
            lambda a: [
                part(
                    a,
                    b"%x\r\n%s\r\n0\r\n\r\n" % (len(a.part), a.part),
                    Content_Length=None,
                    Transfer_Encoding="chunked",
                )
            ]
        ),
        RIGHT,
    ),
    "without a length": (later(lambda a: [part(a, Content_Length=None), CLOSE]), RIGHT),
    "without a length, short": (
        later(lambda a: [part(a, a.part[:-9], Content_Length=None), CLOSE]),
        UNREACHABLE,
    ),
    "without a length, long": (
        later(lambda a: [part(a, a.part + b"x", Content_Length=None), CLOSE]),
        RIGHT,
    ),
    "a size that is not known": (later(ranged("bytes {start}-{last}/*")), RIGHT),
    "no range": (later(ranged(None)), OTHERS),
    "another range": (later(ranged("bytes {more}-{last}/{size}")), OTHERS),
    "an overlapping range": (later(ranged("bytes {start}-{end}/{size}")), OTHERS),
    "backwards": (later(ranged("bytes {last}-{start}/{size}")), OTHERS),
    "another size": (later(ranged("bytes {start}-{last}/7")), OTHERS),
    "no bytes": (later(ranged("items {start}-{last}/{size}")), OTHERS),
    "no numbers": (later(ranged("bytes all")), OTHERS),
    "several ranges": (later(multipart), OTHERS),
    "whole": (later(whole_file), STATUS),
    "whole at the start": (first(whole_file), RIGHT),
    "whole and short at the start": (
        first(lambda a: [part(a, a.content[:-9], "200 OK", Content_Range=None)]),
        Outcome("HubWithoutRanges", "it announces "),
    ),
    "a login page": (later(lambda _: [answer("200 OK", b"<html>")]), STATUS),
    "a login page at the start": (
        first(lambda _: [answer("200 OK", b"<html>")]),
        Outcome("HubWithoutRanges", ""),
    ),
    "a login page of the same length": (
        first(lambda a: [answer("200 OK", b"<html>".ljust(len(a.content)))]),
        Outcome("BrokenFile", "it is a web page"),
    ),
    "204": (later(lambda _: [b"HTTP/1.1 204 No Content\r\n\r\n"]), STATUS),
    "304": (later(lambda _: [b"HTTP/1.1 304 Not Modified\r\n\r\n"]), STATUS),
    "416": (
        later(lambda _: [answer("416 No", Content_Range="bytes */5")]),
        Outcome("HubUnreachable", "(it answers 416, "),
    ),
    "continue": (later(lambda a: [b"HTTP/1.1 100 Continue\r\n\r\n", part(a)]), RIGHT),
    "long": (
        later(lambda a: [part(a, a.part + b"more")]),
        Outcome("HubWithoutRanges", "it announces "),
    ),
    "short": (
        later(lambda a: [part(a, a.part[:-4])]),
        Outcome("HubWithoutRanges", "it announces "),
    ),
    "gzip": (
        later(
            lambda a: [
                part(a, gzip.compress(a.part), Content_Encoding="gzip", Content_Length=None),
                CLOSE,
            ]
        ),
        Outcome("HubWithoutRanges", "(it compresses the content)"),
    ),
    "zstd": (
        later(lambda a: [part(a, Content_Encoding="zstd")]),
        Outcome("HubWithoutRanges", "(it compresses the content)"),
    ),
    "cut once": (later(once(cut)), RIGHT),
    "cut always": (later(head_alone), UNREACHABLE),
    "reset once": (later(once(reset)), RIGHT),
    "closed": (later(saying(CLOSE)), UNREACHABLE),
    "reset": (later(saying(RESET)), UNREACHABLE),
    "reset in the headers": (later(saying(b"HTTP/1.1 206 OK\r\nA: b", RESET)), UNREACHABLE),
    "silent": (later(silent), SILENT),
    "silent after the headers": (
        later(lambda a: chain([part(a)[: -len(a.part)]], silent(a))),
        SILENT,
    ),
    "drip of headers": (later(dripping(b"HTTP/1.1 206 OK\r\n" + b"A: b\r\n" * 99, 0.03)), SILENT),
    "drip": (later(lambda a: chain([part(a)[: -len(a.part)]], dripping(a.part)(a))), DRIP),
    "401": (later(lambda _: [answer("401 No")]), Outcome("HubLoginNeeded", "")),
    "401 with a bad token": (
        later(
            lambda _: [
                answer("401 No", X_Error_Message="Invalid credentials in Authorization header")
            ]
        ),
        Outcome("HubTokenRefused", ""),
    ),
    "403": (later(lambda _: [answer("403 No")]), Outcome("HubForbidden", "")),
    "429 for ever": (
        later(lambda _: [answer("429 No", Retry_After=10**12)]),
        Outcome("HubRateLimited", ""),
    ),
    "elsewhere": (later(moved("{elsewhere}{target}")), RIGHT),
    "in circles": (later(moved("{target}")), CIRCLE),
    "replaced": (later(replaced), CHANGED),
    "another ETag": (later(as_of('"b"')), CHANGED),
    "weak": (weights_only(in_spans(as_of('W/"a"'), as_of('W/"b"')), good_part), CHANGED),
    "weak and then strong": (
        weights_only(in_spans(as_of('W/"a"'), as_of('"a"')), good_part),
        RIGHT,
    ),
    "another date": (
        weights_only(in_spans(as_of(None, JANUARY), as_of(None, MAY)), good_part),
        CHANGED,
    ),
    "another date of the same": (
        weights_only(in_spans(as_of('"a"', JANUARY), as_of('"a"', MAY)), good_part),
        RIGHT,
    ),
    "no ETag": (weights_only(as_of(None), good_part), RIGHT),
    "an ETag, then none, another date": (
        weights_only(in_spans(as_of('"a"', JANUARY), as_of(None, MAY)), good_part),
        CHANGED,
    ),
    "another commit": (
        later(lambda a: [part(a, X_Repo_Commit="b" * 40)]),
        Outcome("HubFileChanged", "(it is of the commit bbbb"),
    ),
    "ETag of quotes": (weights_only(in_spans(as_of('"""'), as_of('"')), good_part), CHANGED),
    "an LFS pointer": (
        first(
            lambda a: [part(a, b"version https://git-lfs.github.com/spec/v1\n".ljust(len(a.part)))]
        ),
        Outcome("BrokenFile", "Git LFS pointer"),
    ),
}


@pytest.mark.parametrize(("lie", "expected"), BYTES.values(), ids=BYTES.keys())
def test_lies(tmp_path, lie, expected):
    """Whatever is sent for a range of a file: the right bytes or one sentence."""
    with Liar(FILES, content=lie) as liar:
        check_reading(liar, tmp_path, expected)


def test_no_answer_names_its_version(tmp_path):
    """Then the hub is asked again after each, and tells that the file is another by now."""
    tags = iter(['"a"', '"a"', '"b"', '"c"'])
    place = weights_only(lambda a: [head(a, ETag=next(tags))], good_head)
    with Liar(FILES, place=place, content=weights_only(as_of(None), good_part)) as liar:
        check(outcome(liar, tmp_path), Outcome("HubFileChanged", "(it was a, it is b)"))


def test_connections_serve_further_requests(tmp_path):
    """Most of the 8 requests or more are sent on one that is open."""
    with Liar(FILES) as liar:
        check(outcome(liar, tmp_path), RIGHT)
        assert len(liar.asked) >= 8
        assert liar.connections <= 4
