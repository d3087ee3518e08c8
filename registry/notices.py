"""What a user is told while the work goes on: the docstring of a class is the sentence.

A notice goes to the logger `registry`; the command line prints that on stderr.
"""

import logging
from typing import Any

from registry.legible import sentence_of

LOGGER = logging.getLogger("registry")


class Notice:
    """{reason}"""

    def __init__(self, **data: Any) -> None:
        """Fill the class's sentence with `data`, which stays readable."""
        self.sentence = sentence_of(type(self).__doc__, data)
        self.data = data

    def __str__(self) -> str:
        return self.sentence


class ServerStarting(Notice):
    """The embedded database is still starting after {seconds:.0f} s; waiting up to {limit:.0f} s
    (log: {log!r})."""


class ServerStopping(Notice):
    """The embedded database is still stopping after {seconds:.0f} s; waiting up to {limit:.0f} s
    (log: {log!r})."""


class WriterWaits(Notice):
    """Waiting for another command that writes to the registry ({holder})."""


class SearchUnindexed(Notice):
    """All of {models:,} models are looked at, for no index has been built; `registry db index`
    builds them, and searches take milliseconds."""


class HubRetries(Notice):
    """The hub does not give {model!r} yet ({reason}); trying again in {seconds} s."""


class HubWaits(Notice):
    """Waiting for an answer of {host} for {seconds} s; giving up after {limit:.0f} s."""


class BaseIgnored(Notice):
    """The declared base {base!r} is ignored and not stored, for {reason}."""


class DatabaseSilent(Notice):
    """The database has not answered for {seconds:.0f} s, and takes no other connection ({reason});
    still waiting."""


class NothingBegun(Notice):
    """The database, or a pooler before it, has begun no transaction for {seconds:.0f} s; still
    waiting."""


class DatabaseAway(Notice):
    """The database takes no connection ({reason}); trying again for up to {limit:.0f} s."""


class Reconnecting(Notice):
    """The database ended a connection ({reason}); trying again on a fresh one."""


class SpooledStopped(Notice):
    """What was read of {source!r} waits in {path!r}: `registry flush` stores it, unless it was
    stored just now."""


class NoAnalyst(Notice):
    """The role of {url!r} cannot act as registry_analyst, so that queries run with its own rights,
    read-only: `registry db roles` makes that role."""


class RejudgingWaits(Notice):
    """{count} models may come from it and are still to be judged again: `registry rejudge` does
    that."""


class StillDue(Notice):
    """{count} models are still to be judged again: `registry rejudge` does that."""


class RejudgingFailed(Notice):
    """{name!r} is stored, but models that may come from it were not judged again ({reason}):
    `registry rejudge` does that."""


class SourceRepeated(Notice):
    """The process that read {source!r} ended ({reason}); the source is read again, last of all."""


class ClusterHasNoRoom(Notice):
    """No node of the Ray cluster has room for {source!r}, which takes {cores:g} cores and
    {memory:.1f} GiB; still waiting for one."""


class SpooledOnNode(Notice):
    """What was read of {source!r} waits on the node {node!r}: `registry flush` there stores it."""


class RunPaused(Notice):
    """No further source is read while the database is away ({reason}); looking again in
    {seconds:.0f} s."""


class LogEnded(Notice):
    """{path!r} cannot be written any more ({reason}); the run goes on without its log."""


class NamesRegistered(Notice):
    """{count} of the names are registered already, such as {name!r}: a source of other weights will
    be refused once it was read, unless --name gives it another."""


class CharacteristicNotKept(Notice):
    """The groups of {model!r} are shown but not stored ({reason})."""


class MeasuringGoesOn(Notice):
    """Of {source!r}, {done} of {total} parts were measured before; going on with the others."""


class KeptPartUnusable(Notice):
    """{path!r} is not used ({reason}): that part of the weights is measured again."""


class PartsNotKept(Notice):
    """What is measured of {source!r} cannot be kept ({reason}): going on without, so that an
    interrupted run begins anew."""


class PageWithoutDatabase(Notice):
    """The page is without its database ({reason}); it asks again at each request."""


def notify(notice: Notice) -> None:
    """Tell the user, who may go on waiting."""
    LOGGER.warning("%s", notice)
