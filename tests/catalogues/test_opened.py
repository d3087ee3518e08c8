"""registry.catalogues.opened and checks: a file of unknown origin, of which nothing is stored unless all is right."""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from catalogues_made import rewritten
from places import execute, rows

from registry.catalogues import pages
from registry.catalogues.checks import problem_of
from registry.catalogues.opened import opened
from registry.checkpoints import limits
from registry.data import load
from registry.errors import BrokenCatalogue, CatalogueNewer, UnreadableFile


def refused(other, url, path, match, error=BrokenCatalogue):
    """Check that nothing is stored of a file."""
    with pytest.raises(error, match=match):
        other.import_catalogue(path)
    counts = "SELECT (SELECT count(*) FROM registry_tables.models), count(*) FROM registry_tables.families"
    assert rows(url, counts) == [(0, 0)]


def test_no_catalogue_at_all(other, url, tmp_path):
    """Text, a Parquet file of something else, an empty file, a folder and nothing are refused with a sentence."""
    file = tmp_path / "a.parquet"
    for content in (b"", b"PAR1", b"PAR1PAR1", b"a,b\n1,2\n" * 9):
        file.write_bytes(content)
        refused(other, url, file, "Parquet file|it is cut")
    pq.write_table(pa.table({"a": [1]}), file)
    refused(other, url, file, "does not state a catalogue's format")
    refused(other, url, tmp_path, "directory", UnreadableFile)
    refused(other, url, tmp_path / "missing", "No such file", UnreadableFile)


def test_a_file_that_is_cut(other, url, catalogue):
    """Wherever it ends."""
    content = catalogue.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        catalogue.write_bytes(content[: int(share * len(content))])
        refused(other, url, catalogue, "it is cut")


def test_a_changed_byte(other, url, catalogue):
    """In any part of the file: it is not read, or has another digest, or stood for nothing that is stored."""
    content = bytearray(catalogue.read_bytes())
    for place in range(1000, len(content) - 1000, len(content) // 5):
        changed = bytearray(content)
        changed[place] ^= 0x55
        catalogue.write_bytes(changed)
        try:
            other.import_catalogue(catalogue)
        except BrokenCatalogue:
            assert rows(url, "SELECT count(*) FROM registry_tables.models") == [(0,)]
            continue
        again = catalogue.with_name("again.parquet")
        other.export_catalogue(again)
        assert again.read_bytes() == content
        execute(url, "DELETE FROM registry_tables.models")


def test_a_newer_format(other, url, catalogue):
    """The format is looked at before the columns, which are others then."""
    refused(other, url, rewritten(catalogue, format="2"), "format 2.*upgrade", CatalogueNewer)
    refused(other, url, rewritten(catalogue, format=None), "does not state")
    refused(other, url, rewritten(catalogue, format="1.5"), "does not state")


def test_a_file_that_lies_about_its_digest(other, url, catalogue):
    """Of the whole, of the number of models, and of a row."""
    refused(other, url, rewritten(catalogue, digest="0" * 64), "digest it states")
    refused(other, url, rewritten(catalogue, models="4"), "as many models")
    table = pq.read_table(rewritten(catalogue))
    place = table.schema.get_field_index("layers")
    changed = table.set_column(place, "layers", pa.array([9, 9, 9], pa.int32()))
    pq.write_table(changed, catalogue, use_dictionary=False)
    refused(other, url, catalogue, "does not have its digest")


def test_columns_that_are_missing_or_of_another_type(other, url, catalogue):
    """Each is named; a further column is not looked at."""
    table = pq.read_table(rewritten(catalogue))
    pq.write_table(table.drop_columns(["matrices"]), catalogue)
    refused(other, url, catalogue, "0 columns 'matrices'")
    place = table.schema.get_field_index("layers")
    pq.write_table(table.set_column(place, "layers", pa.array(["3"] * 3)), catalogue)
    refused(other, url, catalogue, "'layers' is of another type")
    pq.write_table(
        table.append_column("more", pa.array([1, 2, 3])), catalogue, use_dictionary=False
    )
    assert other.import_catalogue(catalogue).numbers["new"] == 3


def put(path, value):
    """Return a change that sets a value deep in each row."""

    def change(row):
        for step in path[:-1]:
            row = row[step]
        row[path[-1]] = value

    return change


LIES = {
    "a number that is not finite": (("fingerprint", "std", 0), float("nan"), "std.*not finite"),
    "a number too large": (("clusterings", 0, "inertia"), 1e300, "inertia.*above"),
    "a number below zero": (("layers",), -1, "below zero"),
    "a spread of eight": (("fingerprint", "std"), [1.0] * 8, "7 numbers"),
    "no spread": (("fingerprint", "std"), [0.0] * 7, "not positive"),
    "no fingerprint": (("fingerprint",), None, "no fingerprint"),
    "a name that is missing": (("name",), None, "name is missing"),
    "a kind that is none": (("kind",), "tree", "unknown word"),
    "an adapter without its facts": (("kind",), "adapter", "an adapter is none"),
    "a digest that is none": (("digest",), "abc", "not a SHA-256"),
    "a digest in capitals": (("digest",), "A" * 64, "not a SHA-256"),
    "a rank that is none": (("fingerprint", "rank"), 17, "rank is not"),
    "a rank without its clustering": (("fingerprint", "rank"), 64, "clustering is missing"),
    "labels of another count": (("clusterings", 0, "labels"), [1], "labels"),
    "labels that are none": (("clusterings", 0, "labels", 0), 5, "above 1"),
    "a sketch of another length": (("outline", "stream"), b"\0\0", "another length"),
    "a sketch of no numbers": (("outline", "stream"), b"\0\x7e" * 256, "not finite"),
    "a sketch of two numbers": (("matrices", 0, "sketch"), b"\0" * 8, "2 entries"),
    "spectra that rise": (("matrices", 0, "singular_values"), [1.0, 2.0], "do not fall"),
    "a projection that is none": (("matrices", 0, "projection"), "nose", "unknown word"),
    "the same matrix twice": (("matrices", 1, "position"), 0, "same row twice"),
    "no matrices": (("matrices",), [], "no matrices"),
    "a null in a list": (("fingerprint", "unknown"), [None], "nothing in it"),
    "a text too long": (("architecture",), "a" * 301, "301 characters"),
    "a null character": (("architecture",), "a\0b", "null character"),
    "a version that is none": (("fingerprint_version",), 2**31 - 1, "version that is none"),
    "a ledger of no fate": (("ledgers", 0, "fate"), "lost", "unknown word"),
}


def problem(path):
    """Return what is wrong with the first models of a file."""
    with opened(path, "a file") as file:
        return problem_of(next(file.batches()), whole=True) or "nothing"


@pytest.mark.parametrize("case", LIES)
def test_honest_digests_of_lies(catalogue, case):
    """A file with right digests over content that no registry stores is refused, and says why."""
    path, value, match = LIES[case]
    assert re.search(match, problem(rewritten(catalogue, put(path, value))))


def test_nothing_is_stored_of_lies(other, url, catalogue):
    """The sentence says what is wrong."""
    change = put(("fingerprint", "rank"), 17)
    refused(other, url, rewritten(catalogue, change), "rank is not one of")


VERDICT = {
    "verdict": "derived", "base": "b", "how": [], "candidates": 3, "evidence": "[]", "changes": "[]",
    "parents": [], "signs": "{}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("evidence", "[", "JSON document is none"),
        ("evidence", "[" * 100_000, "JSON document is none"),
        ("evidence", '[{"name": "\\u0000"}]', "null character"),
        ("evidence", '[{"name": "no such evidence"}]', "are none"),
        ("evidence", "[NaN]", "JSON document is none"),
        ("changes", '[{"kind": "no such change"}]', "are none"),
        ("changes", '{"a": 1}', "are none"),
        ("direction", "[]", "relatives that are none"),
        ("verdict", "certain", "unknown word"),
        ("evidence", '[{"name": "matched layers", "value": "high"}]', "are none"),
        ("relatives", '[{"model": 3}]', "relatives that are none"),
        ("relatives", '{"model": 3}', "relatives that are none"),
        ("signs", '{"a": ["child", null]}', "not a SHA-256"),
        ("parents", ["a"], "not a SHA-256"),
    ],
    ids=str,
)
def test_verdicts_that_are_none(catalogue, column, value, match):
    """A verdict that could not be read back later is not stored."""

    def change(row):
        row["verdict"] = {**VERDICT, "judged_at": row["ingested_at"], column: value}

    assert re.search(match, problem(rewritten(catalogue, change)))


def test_a_digest_that_does_not_follow(catalogue):
    """Where a model's matrices and tensors are all there, its digest is computed from theirs."""

    def change(row):
        row["fingerprint"]["zero"] = []

    assert "does not follow" in problem(rewritten(catalogue, change))


def test_claims_beyond_a_limit(other, url, catalogue, monkeypatch):
    """What a file asks for is looked at in its footer, before anything is unpacked."""
    table = load("registry.checkpoints", "limits.toml")
    names = [
        name for name in table if name.startswith("catalogue-") and name != "catalogue-download"
    ]
    assert len(names) > 5
    for name in names:
        small = {**table, name: {"limit": 1}}
        monkeypatch.setattr(limits, "load", lambda *_, small=small: small)
        refused(other, url, catalogue, "states|footer|cannot be read")
    monkeypatch.undo()


def test_a_dictionary(other, url, catalogue):
    """In which a few bytes may stand for any number of long texts: no catalogue has one."""
    pq.write_table(pq.read_table(rewritten(catalogue)), catalogue)
    refused(other, url, catalogue, "has a dictionary")


def test_pages_that_claim_too_much(catalogue, monkeypatch):
    """Headers of pages are read before a reader takes memory for what they claim."""
    file = pq.ParquetFile(catalogue)
    group = file.metadata.row_group(0)
    column = group.column(1)
    begin = column.data_page_offset
    end = begin + column.total_compressed_size
    content = catalogue.read_bytes()

    def check(content, values=column.num_values, most=1 << 20):
        pages.check_pages(io.BytesIO(content), begin, end, values, most)

    check(content)
    for values in (2, 4):
        with pytest.raises(pages.OddPageError, match="claims"):
            check(content, values)
    with pytest.raises(pages.OddPageError, match="claims more"):
        check(content, most=1)
    for odd in (b"\x15\x04", b"\xff" * 20, b"\x1c" * 20, b"\x15" + b"\x80" * 12):
        with pytest.raises(pages.OddPageError):
            check(content[:begin] + odd + content[begin + len(odd) :])
