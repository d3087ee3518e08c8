"""registry.commands.options: names of options, of their variables, and former spellings."""

import re

import click
import pytest
from command_line import command_at, command_paths, run

from registry.commands.options import RANKS, RenamedOption
from registry.errors import RegistryError
from registry.fingerprints import record

PATHS = command_paths()
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def options_of(path):
    """Return the options of a command by their long flags, --help left out."""
    return {
        parameter.opts[-1]: parameter
        for parameter in command_at(path).params
        if isinstance(parameter, click.Option)
    }


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_variables_bear_the_flags_name(path):
    """--merge-into of `registry ingest` is REGISTRY_INGEST_MERGE_INTO, and so for every option."""
    lines = " ".join(run(*path, "-h").output.split())
    prefix = "_".join(("REGISTRY", *path)).upper().replace("-", "_")
    shown = set(re.findall(r"env var: (\w+)", lines))
    expected = {
        f"{prefix}_{flag.removeprefix('--')}".upper().replace("-", "_") for flag in options_of(path)
    }
    assert shown == expected


def test_a_variable_sets_an_option(url, model, monkeypatch):
    """An option can be given by its variable, a flag too."""
    monkeypatch.setenv("REGISTRY_INGEST_FAMILY", "from the environment")
    assert "in family from the environment" in run("ingest", model).output
    monkeypatch.setenv("REGISTRY_LIST_JSON", "1")
    assert run("list").output.startswith("{")


def test_ranks_are_those_of_fingerprints():
    """The choices of --rank are the ranks of clusterings, written out so that help needs no numpy."""
    assert tuple(map(int, RANKS)) == record.RANKS


def sentences():
    """Yield what errors and helps say, with where it stands."""
    kinds = [RegistryError]
    for kind in kinds:
        kinds += kind.__subclasses__()
        yield kind.__name__, kind.__doc__
    for path in [(), *PATHS]:
        yield " ".join(("registry", *path)), run(*path, "-h").output


def test_options_that_are_named_exist():
    """Each --option in an error or a help is an option of some command."""
    known = {"--help", "--version"}
    for path in [(), *PATHS]:
        known |= set(options_of(path))
    wrong = [
        f"{where}: {flag}"
        for where, sentence in sentences()
        for flag in OPTION.findall(sentence or "")
        if flag not in known
    ]
    assert wrong == []


@pytest.mark.parametrize("command", ["fingerprint", "identify", "compare", "ingest", "verify"])
def test_base_is_a_former_spelling(command):
    """--base is taken and hidden where it was renamed; `lora` has it still, for what it shows."""
    path = (command,)
    renamed = [p for p in command_at(path).params if isinstance(p, RenamedOption)]
    assert [(option.former, option.opts[0]) for option in renamed] == [
        ("--base", "--claimed-base" if command == "verify" else "--merge-into")
    ]
    assert "--base" not in OPTION.findall(run(command, "-h").output)
    assert "--base" in options_of(("lora",))


def test_a_former_spelling_warns(url, model):
    """The old spelling does what the new one does, and says so in one line on stderr."""
    run("ingest", model)
    new = run("verify", model, "--claimed-base", "model")
    old = run("verify", model, "--base", "model")
    assert (new.exit_code, new.stderr) == (0, "")
    assert (old.exit_code, old.stdout) == (0, new.stdout)
    assert old.stderr == "Warning: --base is deprecated; write --claimed-base.\n"


def test_a_model_is_not_merged(model):
    """Of a whole model both spellings are refused, naming the option that is to be left out."""
    for flag in ("--merge-into", "--base"):
        result = run("fingerprint", model, flag, model)
        assert result.exit_code == 1
        assert "leave --merge-into out" in result.stderr
