"""What may be wrong with a database, as records: report/doctor.py says it in English."""

from dataclasses import dataclass
from enum import Enum


class Ailment(Enum):
    """What is wrong."""

    FOLDER_OPEN = "folder open to others"
    FOLDER_OF_ANOTHER = "folder of another user"
    NO_LOCKS = "no file locks"
    DISK_FULL = "disk nearly full"
    HALF_MADE = "half-made cluster"
    SOCKETS_LEFT = "socket folder left behind"
    NO_KEEPER = "server without keeper"
    NOT_SERVING = "server that serves nobody"
    NOT_UP = "server meant to stay up is down"
    UNUSABLE = "database cannot be used"
    TABLES_DIFFER = "tables differ from the schema"
    EXTENSION_BEHIND = "pgvector behind its library"
    INDEX_INVALID = "invalid index"
    MODEL_HALF = "model without all of its rows"
    FAMILY_EMPTY = "family without models"
    SESSION_IDLE = "session idle in a transaction"
    VERSION_OLD = "fingerprints of another version"
    WAITING = "fingerprint waiting to be stored"
    WAITING_BROKEN = "fingerprint waiting in a damaged file"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        ailment: what.
        subject: the folder, process, table, index, model or session that it is about.
        mended: whether it was put right.
        detail: what else is known, such as a number or the reason.
    """

    ailment: Ailment
    subject: str
    mended: bool = False
    detail: str = ""
