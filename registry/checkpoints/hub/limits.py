"""What a hub may cost at most; beyond it one sentence says so.

Everything that is small by nature (the list of files, the answer that tells where a file is) has a
limit in bytes and one in seconds; the bytes of a file have a slowest pace.
"""

LIST_BYTES = 16 << 20  # of a list of files; that of 100,000 files takes about 8 MB
LIST_NAMES = 100_000
NAME_LENGTH = 512  # characters of a file's path
WEIGHT_FILES = 2_000  # of one model; the most seen are 770
FILE_BYTES = 1 << 50  # of one file

REDIRECTS = 10  # of one request
ADDRESSES = 4  # that may refuse one range before the hub is asked for the range itself
HEAD_TIMEOUTS = 3  # times the client's timeout, from the request to the end of the headers
HEAD_SECONDS = 30  # the same where the client has no timeout
LIST_SECONDS = 60  # for what comes after the headers of an answer that is read whole
DRAINED = 1 << 16  # bytes read of an answer that only redirects, so that its connection serves on

SLOWEST = 16 << 10  # bytes per second of a file
WINDOW = 10  # seconds over which that is measured
LOST_SECONDS = 30  # on attempts that end in silence, until no further one is made
