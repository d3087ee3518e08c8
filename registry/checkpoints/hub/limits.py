"""What a hub may cost at most, in bytes, names and seconds; beyond it one sentence says so.

Everything that is small by nature (the list of files, the answer that tells where a file is) has a
limit in bytes and one in seconds; the bytes of a file have a slowest pace.
"""

from registry.checkpoints.limits import limit

LIST_BYTES = limit("hub-list-bytes")
LIST_NAMES = limit("hub-list-names")
LIST_SECONDS = limit("hub-list-seconds")
NAME_LENGTH = limit("hub-name")
WEIGHT_FILES = limit("hub-weight-files")
FILE_BYTES = limit("hub-file-bytes")
JSON_BYTES = limit("hub-json-bytes")
REDIRECTS = limit("hub-redirects")
PAGES = limit("hub-pages")
MODELS = limit("hub-models")
MODELS_SECONDS = limit("hub-models-seconds")
LOST_SECONDS = limit("hub-silent-seconds")

ADDRESSES = 4  # that may refuse one range before the hub is asked for the range itself
HEAD_TIMEOUTS = 3  # times the client's timeout, from the request to the end of the headers
HEAD_SECONDS = 30  # the same where the client has no timeout
DRAINED = 1 << 16  # bytes read of an answer that only redirects, so that its connection serves on
SLOWEST = 16 << 10  # bytes per second of a file
WINDOW = 10  # seconds over which that is measured
