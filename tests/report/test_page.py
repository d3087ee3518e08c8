"""registry.report.page: a verdict as a page that any browser shows, without a network."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from click.testing import CliRunner
from places import EXAMPLES
from playwright.sync_api import sync_playwright

import cli
from registry.fingerprints.record import NamedFingerprint
from registry.lineage.verdict import (
    Change,
    ChangeKind,
    Evidence,
    EvidenceKind,
    Relation,
    Verdict,
)
from registry.report.page import bar, page

pytestmark = pytest.mark.slow


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
    """The verdict, evidence, pictures (first what moved, if anything), where the numbers come from."""
    identified, explained = (path.read_text() for path in pages)
    assert "Same weights as llama-tiny-code" in identified
    assert "Derived from llama-tiny" in explained
    assert '<figure class="first">' not in identified
    assert explained.count('<figure class="first">') == 1
    for text in (identified, explained):
        assert text.count("<figure>") == 5
        assert "residual-stream sketches: mean matched cosine" in text
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


def test_names_act_on_nothing():
    """Controls, turned directions and words for a shell: escaped in text, pictures and command."""
    import registry
    from registry.report.page import identification_page
    from registry.workflows.identify import Identification

    source = "x; reboot\x1b[2J\u202e\n</title><script>$(a)"
    tiny = registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)
    tiny = replace(tiny, architecture="a\x9b\u2028b", dtype="\0")
    verdict = Verdict(Relation.DERIVED, model=source, evidence=())
    identification = Identification(source, tiny, verdict, ())
    text = identification_page(identification, NamedFingerprint(source, tiny), "1")
    assert set(text) - set("\n") == {letter for letter in text if letter.isprintable()}
    assert "<script" not in text
    assert text.count("</title>") == 1
    assert r"registry identify &#x27;x; reboot\x1b[2J" in text
    svg = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    ET.fromstring(svg)
    assert r"\u202e" in svg


def test_names_are_text(tmp_path):
    """Whatever a model is called."""
    import registry

    tiny = registry.fingerprint(EXAMPLES / "llama-tiny", rank=16)
    evil = "<script>alert(1)</script>"
    verdict = Verdict(
        Relation.DERIVED,
        model=evil,
        changes=(Change(ChangeKind.STATED, parts=(evil,)),),
        evidence=(Evidence(EvidenceKind.STREAM, 1.0, null=0.5, p_value=0.1, sentence=evil),),
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
        assert done.stdout.count("<svg xmlns") == (5 if verdict == "same weights" else 6)
        assert "CONSOLE" not in done.stderr


def test_a_page_and_a_quick_look_exclude_each_other(url):
    """A quick look has no fingerprint to draw."""
    result = run("identify", EXAMPLES / "llama-tiny", "--quick", "--report", "x.html")
    assert result.exit_code == 2
    assert "reads too little" in result.output


def test_a_line_without_a_null_has_no_bar():
    """There is nothing to hold it against."""
    assert bar(Evidence(EvidenceKind.CANDIDATES, count=3)) == ""
    assert 'class="value" width="50.0"' in bar(Evidence(EvidenceKind.STREAM, 1.0, null=1.0))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed to open the page in")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_its_screen(pages, width, scheme):
    """No wider than it, light and dark; tables are folded where it is narrow."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        screen = {"width": width, "height": 900}
        shown = browser.new_page(viewport=screen, color_scheme=scheme)
        for path in pages:
            shown.goto(path.as_uri())
            assert shown.evaluate("document.documentElement.scrollWidth") == width
            cell = shown.locator("table.folds td.number").first
            folded = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
            assert (folded != "none") == (width < 640)
        browser.close()
