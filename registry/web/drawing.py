"""Templates, and how text of unknown origin is written into them."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from registry.legible import glimpse
from registry.report.tables import number_text, short_count
from registry.web import addresses

LONGEST = 2000  # characters of one value


def shown(value: Any) -> Any:
    """Return a value as a page holds it: nothing in it acts, and none is endless.

    Markup is what we wrote ourselves. The environment escapes what comes from here.
    """
    if isinstance(value, Markup):
        return value
    if value is None:
        return ""
    return glimpse(str(value), LONGEST)


def counted(value: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{value:,}"


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    made = Environment(
        loader=PackageLoader("registry.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"number": number_text, "counted": counted, "short": short_count}
    made.globals["to"] = addresses
    return made


def drawn(template: str, page: object) -> str:
    """Return a page: a template that finds its record as `page`."""
    return environment().get_template(template).render(page=page)
