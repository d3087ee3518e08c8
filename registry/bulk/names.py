"""What the models of a list are called: each after its place, or all after one template."""

import string
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from registry.bulk.wanted import Task
from registry.errors import BadNameTemplate, NamesCollide

FIELDS = ("leaf", "parent", "grandparent", "stem", "path", "family")
"""What may stand in braces in a template."""


def check_template(template: str) -> None:
    """Raise BadNameTemplate for a template that names what is not known of a source."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as exc:
        raise BadNameTemplate(template=template, reason=str(exc)) from exc
    fields = [field for _, field, _, _ in parts if field is not None]
    if not fields:
        raise BadNameTemplate(template=template, reason="it gives all sources the same name")
    for _, field, specification, conversion in parts:
        if field is not None and (field not in FIELDS or specification or conversion):
            raise BadNameTemplate(template=template, reason=f"{field!r} is none of its words")


def named(task: Task, template: str | None) -> Task:
    """Return a task whose source has the name that the template gives, unless it has its own."""
    wanted = task.wanted
    if wanted.name is not None or template is None:
        return task
    return replace(task, wanted=replace(wanted, name=template.format_map(words(task))))


def words(task: Task) -> dict[str, str]:
    """Return what a template may name of a source; empty for what it does not have."""
    path = PurePath(task.place)
    parents = [folder.name for folder in path.parents] + ["", ""]
    return {
        "leaf": path.name,
        "parent": parents[0],
        "grandparent": parents[1],
        "stem": path.stem,
        "path": task.place.strip("/"),
        "family": task.wanted.family or "",
    }


def name_of(task: Task) -> str | None:
    """Return what a source is to be registered as; None where it is not known before it is read."""
    return task.called if task.wanted.name is None else task.wanted.name


def check_apart(tasks: Sequence[Task]) -> None:
    """Raise NamesCollide where two sources would have one name."""
    first: dict[str, Task] = {}
    collisions: dict[str, Task] = {}
    for task in tasks:
        name = name_of(task)
        if name is not None and first.setdefault(name, task) is not task:
            collisions.setdefault(name, task)
    if not collisions:
        return
    name, second = next(iter(collisions.items()))
    raise NamesCollide(
        count=len(collisions), name=name, first=first[name].source, second=second.source
    )
