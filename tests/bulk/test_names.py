"""registry.bulk.names: templates, and names that would be given twice."""

import pytest

from registry.bulk.names import check_apart, check_template, named
from registry.bulk.wanted import Task, Wanted
from registry.errors import BadNameTemplate, NamesCollide


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{parent}/{leaf}", "run/checkpoint-500"),
        ("{grandparent}-{leaf}", "models-checkpoint-500"),
        ("{family}:{path}", "llama:models/run/checkpoint-500"),
        ("{{{stem}}}", "{checkpoint-500}"),
    ],
)
def test_a_template_names_a_source(template, name):
    """After the folders that it lies in."""
    task = Task(Wanted("x", family="llama"), "/models/run/checkpoint-500")
    check_template(template)
    assert named(task, template).wanted.name == name


def test_a_name_of_its_own_goes_first():
    """What a list says of a source is not overridden."""
    assert named(Task(Wanted("x", "own"), "/a/x"), "{leaf}").wanted.name == "own"


@pytest.mark.parametrize("template", ["{home}", "{leaf!r}", "{leaf:>9}", "{", "same", "{0}", "{}"])
def test_a_template_that_cannot_be_used_is_refused(template):
    """Before anything is read."""
    with pytest.raises(BadNameTemplate, match=r"cannot be used .* write a --name with \{leaf\}"):
        check_template(template)


def test_names_given_twice_are_told_with_both_sources():
    """And with what to do about it."""
    tasks = [Task(Wanted(f"{run}/step"), f"/{run}/step", called="step") for run in "ab"]
    with pytest.raises(NamesCollide, match=r"'step' to 'a/step' and 'b/step'; nothing was read"):
        check_apart(tasks)
    check_apart([named(task, "{parent}/{leaf}") for task in tasks])
