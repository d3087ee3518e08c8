"""Arguments and options that several commands share.

A parameter is named after its flag, so that its environment variable is too: `--merge-into` of
`registry ingest` is REGISTRY_INGEST_MERGE_INTO.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from registry.commands.log_lines import Level
from registry.commands.printing import say

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = Callable[..., None]

UNKNOWN = 4  # exit code: no registered model is the base
RANKS = ("16", "64", "256")  # of registry.fingerprints.record, without waiting for numpy

option = partial(click.option, show_envvar=True)


class RenamedOption(click.Option):
    """An option that also takes a former spelling, hidden from help, with a warning."""

    def __init__(self, *declarations: Any, former: str, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.former = former

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Register both spellings; the former one under a name of its own."""
        super().add_to_parser(parser, ctx)
        parser.add_option(self, [self.former], dest=self.former, action="store", nargs=1)

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """Return the value given under either spelling, and where it came from."""
        if self.former not in opts:
            return super().consume_value(ctx, opts)

        message = f"{self.former} is deprecated; write {self.opts[0]}."
        say(f"Warning: {message}", event="Deprecated", message=message, level=Level.WARNING)
        return opts[self.former], ParameterSource.COMMANDLINE


def whole_number(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int:
    """Return a choice that is a number as one."""
    return int(value)


def rank_option(default: int) -> Callable[[Command], Command]:
    """Return the option --rank, the number of singular values of each matrix."""
    return option(
        "--rank",
        type=click.Choice(RANKS),
        default=str(default),
        show_default=True,
        callback=whole_number,
        help="Top singular values of each matrix.",
    )


json_option = option("--json", is_flag=True, help="Print one JSON object (docs/json.md).")

GITHUB, JUNIT = "github", "junit"


def format_option(*formats: str) -> Callable[[Command], Command]:
    """Return the option --format, of what pipelines read."""
    return option(
        "--format",
        type=click.Choice(formats),
        help="Print what a pipeline reads: annotations of GitHub Actions, or JUnit's XML."
        if JUNIT in formats
        else "Print what a pipeline reads: annotations of GitHub Actions.",
    )


def check_format(format: str | None, *, json: bool) -> None:  # noqa: A002  # as the option
    """Raise UsageError where two forms of an answer are asked for."""
    if format is not None and json:
        raise click.UsageError("--format and --json are two forms of one answer; give one.")


nonfinite_option = option(
    "--allow-nonfinite",
    is_flag=True,
    help="Leave NaN and infinite weights out instead of refusing them.",
)

download_option = option(
    "--download", is_flag=True, help="Keep a hub model's files in the hub cache."
)

merge_into_option = option(
    "--merge-into",
    cls=RenamedOption,
    former="--base",
    metavar="MODEL",
    help="Base model to merge an adapter into [default: take the LoRA delta alone].",
)

threads_option = option(
    "--threads",
    type=click.IntRange(1),
    help="Matrices computed at a time, one thread each [default: the number of cores].",
)

device_option = option(
    "--device",
    default="auto",
    metavar="auto|cpu|cuda[:n]",
    help="Where to compute; auto is CUDA if there is any.",
)

prove_option = option(
    "--prove",
    is_flag=True,
    help="Prove that no singular value was missed; takes several times as long.",
)

timing_option = option(
    "--timing",
    is_flag=True,
    help="Report the time per stage, on stderr or as `timing` in the JSON.",
)

quick_option = option(
    "--quick",
    is_flag=True,
    help="Stop reading once the base is identified (at most 2 % of the weights);"
    " report bytes read.",
)

full_option = option(
    "--full",
    is_flag=True,
    help="Take all evidence, also of a large model where less decides.",
)


def files(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Return that a shell is to complete names of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


source_argument = click.argument("source", shell_complete=files)

model_argument = click.argument("model")


def reading_options(rank: int, *, merging: bool = True) -> Callable[[Command], Command]:
    """Return the options of all commands that read a checkpoint, to be taken as `**options`.

    rank: the default of --rank. merging: whether an adapter may be merged into a base model.
    """
    shared: list[Callable[[Command], Command]] = [
        json_option,
        timing_option,
        threads_option,
        device_option,
        prove_option,
        rank_option(rank),
        download_option,
        nonfinite_option,
    ]
    if merging:
        shared.append(merge_into_option)

    def with_options(command: Command) -> Command:
        for add_option in shared:
            command = add_option(command)
        return command

    return with_options


def python_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shared options under the names that the Python functions give them."""
    named = dict(options)
    if "merge_into" in named:
        named["base"] = named.pop("merge_into")
    return named
