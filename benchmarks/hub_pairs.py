"""Judge published pairs of models on the hub, and print our numbers beside those of their authors.

    python benchmarks/hub_pairs.py [LIST ...] [--whole | --quick] [--state FOLDER] [--source NAME] [--limit N] [--json]

LIST is a CSV file with the columns child, parent, relation, label and source; labels are derived or similar, and
independent or dissimilar. Without one they are the 522 published
pairs of benchmarks/data/hub-pairs.csv and the 20 of gpt2-seeds.csv; hub-pairs.toml says where they come from and what
their authors report. Labels are taken as they stand, though some are doubtful.

Every model is read once, by ranges of its files where they lie, and nothing of it is stored but its fingerprint:

--whole   all weights, compared as `registry compare` does. The 361 models have between 4 and 5 TB; --source and
          --limit take a part of them.
--quick   what `registry identify --quick` reads at most: 64 MB, and of large models 2 %, less than 100 GB in all. Both
          models of a pair are read so: a few layers of the child are compared with a few of the parent, by the nulls
          of that command, which knows all layers of a parent and so misses less.

The folder of --state keeps a file for each model, with --whole the one that `registry fingerprint -o` writes: whoever
breaks a run off starts it again and goes on. Models that cannot be read are named with the reason, and asked for again
by the next run; gated ones need HF_TOKEN. If the hub is out of reach for three minutes, the run ends.

The last line is one JSON object; pairs.csv in the folder has every pair's verdict and score.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hub_agreement import LISTS, SOURCES, Judged, Pair, chosen, counts, print_table, write_pairs
from hub_reads import QUICK, WHOLE, Mode

from registry.errors import HubUnreachable, RegistryError, UnwritableFile
from registry.files import writable

WAITS = (30, 60, 90)  # seconds before a model is asked for again where the hub is out of reach
GIVE_UP = 2  # models in a row that are out of reach: it is the hub, not the model
AT_ONCE = 64  # models kept in memory


@dataclass
class Reading:
    """What became of the models: files of those that were read, reasons for the others."""

    files: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    outage: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the models, compare the pairs, print; return the exit status."""
    options = parser().parse_args(arguments)
    mode = QUICK if options.quick else WHOLE
    try:
        pairs = chosen(options.lists or LISTS, options.source, options.limit)
    except (OSError, ValueError) as error:
        print(f"The list of pairs cannot be read: {error}.", file=sys.stderr)
        return 2
    if not pairs:
        print("No pair of the lists is of that source.", file=sys.stderr)
        return 2
    try:
        with writable(options.state):
            options.state.mkdir(parents=True, exist_ok=True)
        reading = read_models(models_of(pairs), mode, options.state)
    except KeyboardInterrupt:
        print(f"Interrupted; the same command goes on from {options.state}.", file=sys.stderr)
        return 130
    except UnwritableFile as error:
        print(error, file=sys.stderr)
        return 1
    judged = judge(pairs, reading, mode)
    write_pairs(options.state / "pairs.csv", judged)
    answer = summary(judged, reading, mode)
    if not options.json and answer["compared"]:
        print_table(answer, judged)
    if reading.outage:
        print(outage_sentence(reading, options.state), file=sys.stderr)
    print(json.dumps(answer))
    return 1 if reading.outage else 0


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    command = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("lists", nargs="*", type=Path, metavar="LIST", help="CSV files of pairs")
    depth = command.add_mutually_exclusive_group()
    depth.add_argument("--whole", action="store_true", help="read all weights [default]")
    depth.add_argument("--quick", action="store_true", help="read a few layers of each model")
    command.add_argument(
        "--state", type=Path, default=Path("hub-pairs"), metavar="FOLDER", help="[hub-pairs]"
    )
    command.add_argument("--source", help="only the pairs of a source, by a part of its name")
    command.add_argument("--limit", type=int, metavar="N", help="only the first N pairs")
    command.add_argument("--json", action="store_true", help="only the JSON line")
    return command


# --- reading ---


def models_of(pairs: Iterable[Pair]) -> list[str]:
    """Return the ids of all models, each once, so that early pairs are complete early."""
    models: dict[str, None] = {}
    for pair in pairs:
        models |= {pair.parent: None, pair.child: None}
    return list(models)


def read_models(models: Sequence[str], mode: Mode, state: Path) -> Reading:
    """Read every model that the folder does not have yet. Raises UnwritableFile."""
    reading = Reading()
    unreachable = 0
    for i, model in enumerate(models, 1):
        path = state / (model.replace("/", "--") + mode.suffix)
        progress = f"[{i}/{len(models)}] {model}"
        if path.exists() and readable(mode, path):
            reading.files[model] = path
            continue
        if unreachable == GIVE_UP:
            reading.unread[model] = "not asked for, since the hub was out of reach"
            continue
        print(progress, file=sys.stderr)
        try:
            read_model(model, mode, path, () if unreachable else WAITS)
        except UnwritableFile:
            raise
        except Exception as error:  # noqa: BLE001  # no model may end a run of days
            reading.unread[model] = reason(error)
            unreachable = unreachable + 1 if isinstance(error, HubUnreachable) else 0
            reading.outage = error.data["reason"] if unreachable == GIVE_UP else None
            print(f"{progress}: not read. {reading.unread[model]}", file=sys.stderr)
        else:
            reading.files[model] = path
            unreachable = 0
    return reading


def read_model(model: str, mode: Mode, path: Path, waits: Sequence[int]) -> None:
    """Write a model's file.

    Args:
        waits: Seconds before each further attempt where the hub is out of reach.

    Raises RegistryError where the model cannot be read.
    """
    for wait in waits:
        try:
            mode.keep(model, path)
        except HubUnreachable as error:
            why = error.data["reason"]
            print(f"No answer from the hub ({why}); next attempt in {wait} s.", file=sys.stderr)
            time.sleep(wait)
        else:
            return
    mode.keep(model, path)


def readable(mode: Mode, path: Path) -> bool:
    """Return whether a file of an earlier run can be used; one of an older version cannot."""
    try:
        mode.load(path)
    except RegistryError:
        return False
    return True


def reason(error: Exception) -> str:
    """Return why a model could not be read or a pair compared, in one line."""
    if isinstance(error, RegistryError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}"


def outage_sentence(reading: Reading, state: Path) -> str:
    """Return what to do after the hub was out of reach for some minutes."""
    kept = f"{len(reading.files)} models are kept in {state}"
    return f"The hub is out of reach ({reading.outage}); {kept}, and the same command goes on from there."


# --- comparing ---


def judge(pairs: Sequence[Pair], reading: Reading, mode: Mode) -> list[Judged]:
    """Compare every pair whose models were read."""
    load = lru_cache(AT_ONCE)(mode.load)
    judged = []
    for pair in pairs:
        unread = [model for model in (pair.child, pair.parent) if model not in reading.files]
        one = Judged(pair, reason=f"not read: {', '.join(unread)}" if unread else None)
        if not unread:
            try:
                child, parent = load(reading.files[pair.child]), load(reading.files[pair.parent])
                one = replace(one, verdict=mode.compare(child, parent))
            except Exception as error:  # noqa: BLE001  # as above
                one = replace(one, reason=reason(error))
        judged.append(one)
    return judged


def summary(judged: Sequence[Judged], reading: Reading, mode: Mode) -> dict[str, Any]:
    """Return the JSON line: the counts of all pairs, of every source, and the models left out."""
    by_source = {}
    for name in dict.fromkeys(one.pair.source for one in judged):
        own = [one for one in judged if one.pair.source == name]
        by_source[name] = counts(own) | {"published": SOURCES.get(name, {}).get("published")}
    reasons = {}
    for one in judged:
        if one.verdict is None and not one.reason.startswith("not read"):
            reasons[f"{one.pair.child} {one.pair.parent}"] = one.reason
    return {
        "mode": mode.name,
        "models": len(reading.files) + len(reading.unread),
        "models_read": len(reading.files),
        **counts(judged),
        "sources": by_source,
        "unread": reading.unread,
        "not_compared": reasons,
        "outage": reading.outage is not None,
    }


if __name__ == "__main__":
    sys.exit(main())
