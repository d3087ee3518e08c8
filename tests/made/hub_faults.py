"""What can go wrong with a hub: the faults that the hub of these tests can be told to have."""

import math
from dataclasses import dataclass

LIE = 7  # bytes

# Status, X-Error-Code and message of the faults that are answers.
ANSWERS = {
    "missing": (404, "RepoNotFound", "Repository not found"),
    "private": (401, None, "Invalid username or password."),
    "gated": (
        403,
        "GatedRepo",
        "Access to this model is restricted. Visit its page to ask for access.",
    ),
    "forbidden": (
        403,
        None,
        "Please enable access to gated repositories in your settings. See the docs.",
    ),
    "no-revision": (404, "RevisionNotFound", "Invalid rev id"),
    "no-file": (404, "EntryNotFound", "Entry not found"),
    "rate-limited": (429, None, None),
    "paused": (429, None, None, {"Retry-After": "1"}),
    "shut": (429, None, None, {"RateLimit": '"resolvers";r=0;t=9999'}),
    "bad-token": (401, None, "Invalid credentials in Authorization header"),
    "error": (500, None, None),
    "unavailable": (503, None, None),
    "expired": (403, None, "Request has expired"),
    "other-range": (403, None, "Auth failed: invalid range"),
}
STORES = ("expired",)  # a fault of the file store alone
# Those that happen to any answer: a web page with status 200; nothing at all until the hub closes.
MUTE = ("portal", "silent")
# Those that happen to a file's bytes: the connection ends at the file's middle, wherever the answer began;
# Content-Length is LIE bytes too many or too few; a range is ignored, another one sent, or LIE bytes less of it; the
# content is compressed.
DAMAGE = ("cut", "long", "short", "whole", "elsewhere", "fewer", "compressed")
# The length that the hub tells is LIE bytes too large, or none.
LENGTHS = ("larger", "unsized")


@dataclass
class Fault:
    """What goes wrong, with the files alone or with every request, and how many times still."""

    kind: str
    files_only: bool = False
    times: float = math.inf
    after: int = 0  # requests that go well before

    def strike(self) -> str | None:
        """Count a request that the fault concerns, and return its kind if it strikes."""
        if self.after > 0:
            self.after -= 1
            return None
        self.times -= 1
        if self.times < 0:
            return None
        return self.kind
