"""registry.web.identify: what may be identified, and what is refused."""

import pytest
from fastapi.testclient import TestClient
from places import EXAMPLES

from registry.errors import SourceOutside
from registry.web.app import application
from registry.web.identify import AT_ONCE, Identifying


@pytest.fixture(scope="module")
def asking(reader):
    """Who may have the examples identified."""
    identifying = Identifying(allowed=True, roots=(EXAMPLES,))
    return TestClient(application(reader, identifying=identifying), base_url="http://127.0.0.1")


@pytest.mark.slow
def test_a_folder_under_the_root_is_identified(asking):
    """Page and twin say what `registry identify` says; a path is relative to the root, or whole."""
    answer = asking.get("/identify.json", params={"source": "llama-tiny"}).json()
    assert answer["verdict"]
    assert answer["source"] == "llama-tiny"
    page = asking.get("/identify", params={"source": f"{EXAMPLES}/llama-tiny"})
    assert page.status_code == 200
    assert 'id="verdict"' in page.text


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "../../pyproject.toml", "..", "llama-tiny/../../demo.sh", "~/x", "a/b/c", "x" * 5000, "org/m:../../etc/passwd", "x\0y", "./nothing", "//etc", "file:///etc"],
)  # fmt: skip
def test_what_lies_elsewhere_is_refused(asking, source):
    """Nothing outside the root is read, whether it is there or not; the sentence is the same."""
    answer = asking.get("/identify.json", params={"source": source})
    assert (answer.status_code, answer.json()["error"]) == (403, "SourceOutside")


def test_a_link_out_of_the_root_is_refused(tmp_path):
    """What counts is where a path leads."""
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceOutside, match="is neither the id of a hub model"):
        Identifying(allowed=True, roots=(tmp_path / "root",)).source_of("link")


def test_a_folder_with_a_link_out_of_the_root_is_refused(tmp_path):
    """Nor are files read that a folder under the root only links to; links within the root are."""
    root, model = tmp_path / "root", tmp_path / "root" / "model"
    model.mkdir(parents=True)
    (root / "weights").write_bytes(b"")
    (model / "inside").symlink_to("../weights")
    allowed = Identifying(allowed=True, roots=(root,))
    assert allowed.source_of("model") == str(model)
    (model / "outside").symlink_to("/etc/passwd")
    with pytest.raises(SourceOutside, match="is neither the id of a hub model"):
        allowed.source_of("model")


def test_a_hub_id_that_is_a_folder_here_is_a_path(tmp_path, monkeypatch):
    """A folder of the server's own is not read because its name could be a hub id."""
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    identifying = Identifying(allowed=True)
    assert identifying.source_of("org/other@v1.0") == "org/other@v1.0"
    with pytest.raises(SourceOutside, match="is neither the id of a hub model"):
        identifying.source_of("org/model")


def test_without_leave_nothing_is_identified(client):
    """The page says so, and a question is refused."""
    assert "started without" in client.get("/identify").text
    assert client.get("/identify.json").json()["allowed"] is False
    assert client.get("/identify", params={"source": "org/model"}).status_code == 403


def test_other_sites_may_not_have_it_identified(asking):
    """A page of somebody else's that links here, or loads a picture from here, starts nothing."""
    answer = asking.get(
        "/identify.json", params={"source": "llama-tiny"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert (answer.status_code, answer.json()["error"]) == (403, "IdentifyElsewhere")


def test_there_are_so_many_at_once(reader):
    """Who comes while all places are taken is told to come again."""
    identifying = Identifying(allowed=True, roots=(EXAMPLES,))
    client = TestClient(application(reader, identifying=identifying), base_url="http://127.0.0.1")
    for _ in range(AT_ONCE):
        identifying.places.acquire()
    answer = client.get("/identify.json", params={"source": "llama-tiny"})
    assert (answer.status_code, answer.json()["error"]) == (503, "IdentifyBusy")
    assert answer.headers["retry-after"] == "5"
