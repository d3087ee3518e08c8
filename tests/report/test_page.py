"""registry.report.page and pages: a verdict as a page that any browser shows, without a network."""

import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from places import EXAMPLES

import cli
from registry.lineage.verdict import Evidence, Verdict
from registry.report.page import page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--enable-logging=stderr",
)  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture
def pages(url, tmp_path):
    """The page of an identification, and that of a registered model."""
    assert run("ingest", EXAMPLES / "llama-tiny", EXAMPLES / "qwen-tiny").exit_code == 0
    assert run("ingest", EXAMPLES / "llama-tiny-code").exit_code == 0
    assert (
        run("identify", EXAMPLES / "llama-tiny-code", "--report", tmp_path / "a.html").exit_code
        == 0
    )
    assert run("report", "llama-tiny-code", "-o", tmp_path / "b.html").exit_code == 0
    return tmp_path / "a.html", tmp_path / "b.html"


def test_a_page_says_all(pages):
    """The verdict, every line of evidence, pictures, where the numbers come from and how to repeat them."""
    identified, explained = (path.read_text() for path in pages)
    assert "Same weights as llama-tiny-code" in identified
    assert "Derived from llama-tiny" in explained
    for text in (identified, explained):
        assert text.count("<figure>") == 5
        assert "layers act alike on the residual stream" in text
        assert 'class="scale"' in text
    assert "<code>registry report llama-tiny-code -o page.html</code>" in explained


def test_a_page_needs_nothing_else(pages):
    """No script, no link, no address but the names of XML's own spaces."""
    for text in (path.read_text() for path in pages):
        assert not re.search(r"<script|<link|@import|url\((?!#)", text)
        assert set(re.findall(r"https?://[^\"' <]+", text)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_names_are_text(tmp_path):
    """Whatever a model is called."""
    import registry

    tiny = registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)
    evil = "<script>alert(1)</script>"
    verdict = Verdict(
        "derived", model=evil, how=(evil,), evidence=(Evidence(evil, evil, 1.0, 0.5, 0.1),)
    )
    text = page(evil, verdict, [(evil, tiny)], facts={evil: evil}, command=evil)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed to open the page in")
def test_a_browser_shows_it(pages, tmp_path):
    """It reads the verdict off the page, and complains of nothing."""
    for path, verdict in zip(pages, ("same weights", "derived"), strict=True):
        command = [
            BROWSER,
            *QUIET,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            path.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert f'data-verdict="{verdict}"' in done.stdout
        assert done.stdout.count("<svg") == 5
        assert "CONSOLE" not in done.stderr


def test_a_page_and_a_quick_look_exclude_each_other(url):
    """A quick look has no fingerprint to draw."""
    result = run("identify", EXAMPLES / "llama-tiny", "--quick", "--report", "x.html")
    assert result.exit_code == 2
    assert "reads too little" in result.output
