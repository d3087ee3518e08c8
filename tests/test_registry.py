"""registry: the public names, their documentation, and its examples, which run."""

import doctest
import inspect
import subprocess
import sys

import pytest
from places import EXAMPLES, ROOT

import registry
from registry.api import functions
from registry.api.registry import Registry
from registry.fingerprints.record import Fingerprint

DOCUMENTED = {
    "registry": registry,
    "fingerprint": functions.fingerprint,
    "inspect": functions.inspect,
}
DOCUMENTED |= {"compare": functions.compare, "Registry": Registry}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_run(name, url, monkeypatch):
    """What the documentation of public names shows is what they give."""
    monkeypatch.chdir(ROOT)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    [example] = doctest.DocTestFinder(recurse=False).find(DOCUMENTED[name], name)
    assert example.examples
    assert runner.run(example).failed == 0


@pytest.mark.parametrize("name", registry.__all__)
def test_public_names(name):
    """Every public name can be had from the package, is documented and stands in an example that runs."""
    assert inspect.getdoc(getattr(registry, name))
    assert f"registry.{name}" in registry.__doc__
    assert name in dir(registry)


@pytest.mark.parametrize("name", [n for n in vars(Registry) if not n.startswith("_")])
def test_methods_are_documented(name):
    """Every method of a registry has a docstring that begins with what it does."""
    first = inspect.getdoc(getattr(Registry, name)).split()[0]
    assert first in {"Return", "Read", "Write", "Fingerprint", "Delete", "Disconnect,", "Store"}


def test_names_are_known_to_type_checkers():
    """The names that are imported on first use are those that type checkers see, and py.typed is there."""
    assert {*registry.HOMES, "RegistryError"} == set(registry.__all__)
    source = inspect.getsource(registry)
    stubs = source.partition("if TYPE_CHECKING:")[2].partition("__all__")[0]
    assert all(f"{name}" in stubs for name in registry.HOMES)
    assert (ROOT / "registry" / "py.typed").is_file()


def test_nothing_else_is_there():
    """A name that is not there is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        registry.nothing  # noqa: B018


def test_importing_it_is_quick():
    """The package itself loads neither torch nor SQLAlchemy."""
    script = "import sys, registry; print({'torch', 'sqlalchemy', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_function_is_no_module():
    """registry.fingerprint and registry.inspect are functions, whatever was imported before."""
    import registry.architectures.inspection
    import registry.fingerprints.record

    assert inspect.isfunction(registry.inspect)
    assert isinstance(registry.fingerprint(EXAMPLES / "llama-tiny", rank=16), Fingerprint)
