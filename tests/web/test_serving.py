"""`registry serve` as a process: its address, a second one at the port, how it ends; and a browser that looks at it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from places import EXAMPLES, ROOT

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@dataclass(frozen=True)
class Served:
    """A server, and its address."""

    process: subprocess.Popen
    url: str


def begin(url: str, *options: str) -> subprocess.Popen:
    """Start a server."""
    return subprocess.Popen(
        [sys.executable, "cli.py", "serve", "--json", *options],
        cwd=ROOT,
        env=os.environ | {"REGISTRY_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def served(team_url: str) -> Iterator[Served]:
    """The team's registry, served to a browser."""
    process = begin(team_url, "--port", "0", "--allow-identify", "--root", str(EXAMPLES))
    assert process.stdout
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        text += line
    yield Served(process, json.loads(text)["url"])
    code = process.poll()
    process.kill()
    _, talk = process.communicate()
    assert code in {None, 128 + signal.SIGTERM}, talk


@pytest.mark.skipif(BROWSER is None, reason="there is no browser here")
def test_a_browser_clicks_through(served):
    """By links and forms alone, without scripts: every page is there at 390 px without scrolling sideways, and nothing is complained of."""
    from playwright.sync_api import sync_playwright

    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        context = browser.new_context(
            java_script_enabled=False, viewport={"width": 390, "height": 844}, color_scheme="dark"
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("response", lambda answer: answer.status < 400 or complaints.append(answer.url))

        page.goto(served.url)
        page.fill("input[name=where]", "family = 'llama' and std_distance < 1")
        page.fill("input[name=near]", "llama")
        page.keyboard.press("Enter")
        page.wait_for_url("**/models?where=*")
        visited = [page.title()]
        for link in (
            "llama-code",
            "Its tree",
            "llama-merge",
            "1",
            "llama-merge",
            "compare",
            "The other way round",
        ):
            page.locator("main").get_by_role("link", name=link, exact=True).first.click()
            page.wait_for_load_state()
            visited.append(page.title())
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, page.url
        page.get_by_role("link", name="Families").click()
        page.locator("main").get_by_role("link", name="llama", exact=True).click()
        assert page.locator("h1").inner_text() == "Family llama"
        page.get_by_role("link", name="Identify").click()
        page.fill("input[name=source]", "llama-tiny")
        page.keyboard.press("Enter")
        page.wait_for_selector("#verdict")
        browser.close()
    assert complaints == []
    assert len(set(visited)) > 4


def test_a_second_server_at_the_port_is_told_so(served, team_url):
    """One sentence, exit code 1."""
    second = begin(team_url, "--port", served.url.rstrip("/").rpartition(":")[2])
    try:
        _, talk = second.communicate(timeout=120)
    finally:
        second.kill()
    assert second.returncode == 1
    assert talk.count("\n") == 1
    assert "stop the other server, or give another --port" in talk


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_it_ends_quietly(served, number):
    """A signal ends it with the exit code of signals, and without a word.

    What a client sends that is no request is answered, and stderr has nothing of it.
    """
    address = urllib.parse.urlsplit(served.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")
    assert urllib.request.urlopen(served.url).status == 200
    served.process.send_signal(number)
    _, talk = served.process.communicate(timeout=60)
    assert (served.process.returncode, talk) == (128 + number, "")
