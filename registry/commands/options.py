"""Arguments and options that several commands share."""

from collections.abc import Callable
from functools import partial

import click

UNKNOWN = 4  # exit code: nothing that is registered is near


option = partial(click.option, show_envvar=True)


as_json = option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/json.md).")


nonfinite = option(
    "--allow-nonfinite",
    is_flag=True,
    help="Leave NaN and infinite weights out instead of refusing them.",
)


download = option("--download", is_flag=True, help="Keep a hub model's files in the hub cache.")


base = option(
    "--base",
    metavar="SOURCE",
    help="Merge an adapter into this model first [default: take its update alone].",
)


threads = option(
    "--threads",
    type=click.IntRange(1),
    help="Matrices computed at a time, a thread each [default: the cores].",
)


device = option(
    "--device",
    default="auto",
    metavar="auto|cpu|cuda[:n]",
    help="Where to compute; auto is CUDA if there is any.",
)


prove = option(
    "--prove",
    is_flag=True,
    help="Prove that no singular value was missed; takes several times as long.",
)


timing = option(
    "--timing", is_flag=True, help="Tell on stderr, or in the JSON, where the time went."
)


source = click.argument("source")


model = click.argument("model")


def reading(
    rank: int, *, merging: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Options of all commands that read a checkpoint, which their functions take as `options`. rank: its default.

    merging: whether an adapter may be merged into a base first.
    """
    ranks = click.Choice(["16", "64", "256"])
    deep = option("--rank", type=ranks, default=str(rank), show_default=True, callback=lambda *given: int(given[2]),
                  help="Singular values of each matrix.")  # fmt: skip

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        for each in (
            as_json,
            timing,
            threads,
            device,
            prove,
            deep,
            download,
            nonfinite,
            *[base] * merging,
        ):
            command = each(command)
        return command

    return with_options
