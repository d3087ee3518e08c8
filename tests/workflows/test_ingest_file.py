"""registry.workflows.ingest_file: a fingerprint in a file takes the place of weights."""

import json
import socket

import pytest
from catalogues_made import digest, one_fingerprint, register
from command_line import answer, run
from places import rows

import registry
from registry.errors import BrokenFingerprintFile, FingerprintTooShallow, NothingToMerge
from registry.fingerprints import serialised


@pytest.fixture
def file(tmp_path):
    """A file that `registry fingerprint -o` would have written."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"record": serialised.to_json(one_fingerprint())}))
    return path


def test_a_fingerprint_is_stored_without_weights(url, file):
    """Under the file's name, with the file as its source; the second time it is known."""
    stored = answer("ingest", file)["models"]
    assert [(model["name"], model["outcome"]) for model in stored] == [("small", "new")]
    with registry.Registry() as known:
        assert known.show("small").fingerprint == one_fingerprint()
    query = "SELECT source, host, format, size FROM registry_tables.sources"
    assert rows(url, query) == [
        (str(file), socket.gethostname(), "fingerprint", file.stat().st_size)
    ]
    assert answer("ingest", file)["models"][0]["outcome"] == "unchanged"


def test_an_exported_fingerprint_keeps_its_name(url, tmp_path):
    """`registry export MODEL -o FILE.json` writes what every command takes; names that act are not taken over."""
    register(url, "a/b", family="first")
    file = tmp_path / "file.json"
    assert run("export", "a/b", "-o", file).exit_code == 0
    assert registry.fingerprint(file).digest == digest("a/b")
    with registry.Registry() as known:
        assert known.identify(file).verdict.verdict == "same weights"
    content = json.loads(file.read_text())
    assert (content["name"], content["family"]) == ("a/b", "first")


def test_names_of_a_file(url, file):
    """One that is no name gives way to the file's own."""
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"name": "a\u202eb", "family": ["x"]}))
    [stored] = answer("ingest", file)["models"]
    assert (stored["name"], stored["family"]) == ("small", "small")
    file.with_name("other.json").write_text(json.dumps(content | {"name": "a", "family": "b"}))
    assert answer("ingest", file.with_name("other.json"))["models"][0]["name"] == "small"


def test_a_file_that_lies_about_its_digest(url, file):
    """The digest is computed from those of the tensors where all are there."""
    content = json.loads(file.read_text())
    content["record"]["fingerprint"]["zero"] = []
    file.write_text(json.dumps(content))
    with (
        registry.Registry() as known,
        pytest.raises(BrokenFingerprintFile, match="does not follow"),
    ):
        known.ingest(file)


def test_what_a_file_cannot_do(url, file):
    """It is not merged, and nothing of it is read quickly."""
    with registry.Registry() as known, pytest.raises(NothingToMerge, match="small.json"):
        known.ingest(file, base="base")
    quick = run("identify", "--quick", file)
    assert (quick.exit_code, "without --quick" in quick.stderr) == (1, True)


def test_a_shallower_fingerprint_of_a_newer_version(url, file):
    """It does not take the place of a deeper one."""
    from places import execute

    register(url, "a")
    execute(
        url,
        f"UPDATE registry_tables.models SET fingerprint_version = 2, digest = '{one_fingerprint().digest}'",
    )
    execute(url, "UPDATE registry_tables.fingerprints SET rank = 64")
    with registry.Registry() as known, pytest.raises(FingerprintTooShallow, match="--rank 64"):
        known.ingest(file)
