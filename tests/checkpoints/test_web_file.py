"""registry.checkpoints.hub.web_file: a file from any web address, bounded, and no secret to anybody."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from registry.checkpoints.hub import patience, web_file
from registry.errors import AddressWithPassword, CatalogueUnreachable


class Site(BaseHTTPRequestHandler):
    """Gives a file, or what its path asks for."""

    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self):
        """Answer."""
        self.asked.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.end_headers()
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/file":
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"content")
        else:
            self.send_error(404)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def site(monkeypatch):
    """The address of a web site, and a token that is for the hub."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    Site.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched(site, tmp_path):
    """Through a redirect too; the token for the hub is not sent."""
    path = tmp_path / "file"
    for place in ("file", "moved"):
        web_file.fetch(f"{site}/{place}", path)
        assert path.read_bytes() == b"content"
    assert not any("authorization" in headers for headers in Site.asked)
    assert "secret" not in str(Site.asked)


def test_what_is_not_fetched(site, tmp_path, monkeypatch):
    """A missing file, a redirect to another scheme, no address and a closed port: each is one sentence."""
    monkeypatch.setattr(patience, "PAUSES", ())
    for address in (f"{site}/none", f"{site}/elsewhere", "https://", "http://[", "ftp://a"):
        with pytest.raises(CatalogueUnreachable, match="Nothing could be fetched"):
            web_file.fetch(address, tmp_path / "file")


def test_a_password_is_sent_nowhere(site, tmp_path):
    """Nor is it shown."""
    with pytest.raises(AddressWithPassword) as error:
        web_file.fetch(site.replace("http://", "http://me:hidden@") + "/file", tmp_path / "file")
    assert "hidden" not in str(error.value)
    assert Site.asked == []


def test_a_file_that_is_too_large(site, tmp_path, monkeypatch):
    """It is given up once it exceeds the limit, whatever length it states."""
    monkeypatch.setattr(web_file, "limit", lambda _: 3)
    with pytest.raises(CatalogueUnreachable, match="sends more than"):
        web_file.fetch(f"{site}/file", tmp_path / "file")


def test_no_redirect_from_https_to_http():
    """One from http to https is followed."""

    def redirect(asked, following):
        url = web_file.HTTP.URL
        answer = web_file.HTTP.Response(302, request=web_file.HTTP.Request("GET", url(asked)))
        answer.next_request = web_file.HTTP.Request("GET", url(following))
        return answer

    assert not web_file.stays_as_safe(redirect("https://a/b", "http://a/b"))
    assert web_file.stays_as_safe(redirect("http://a/b", "https://a/b"))
