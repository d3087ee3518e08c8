"""The models of an author or of a collection of the hub, as sources."""

from registry.bulk.survey import local_path
from registry.bulk.wanted import Wanted
from registry.checkpoints.hub import model_lists

MAIN = "main"
"""The revision that a hub gives where none is asked for."""


def models_of_author(author: str) -> list[Wanted]:
    """Return all models of a user or organisation. Raises what model_lists does."""
    return [of_hub(model) for model in model_lists.models_of_author(author)]


def models_of_collection(slug: str) -> list[Wanted]:
    """Return the models of a collection. Raises what model_lists does."""
    return [of_hub(model) for model in model_lists.models_of_collection(slug)]


def of_hub(model: str) -> Wanted:
    """Return a model of the hub as a source, also where a folder here is called as it is."""
    if local_path(model) is None:
        return Wanted(model)
    return Wanted(f"{model}@{MAIN}", name=model)
