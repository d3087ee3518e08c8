"""Text that every Python brings along, and byte-pair vocabularies made from it."""

import functools
import hashlib
import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LIMIT = 2_000_000  # characters of one text
LIBRARY = Path(sysconfig.get_path("stdlib"))
TEXTS = {  # files of the standard library, by pattern
    "network": (
        "asyncio/*.py",
        "email/*.py",
        "http/*.py",
        "urllib/*.py",
        "xmlrpc/*.py",
        "multiprocessing/*.py",
    ),
    "testing": ("unittest/*.py", "doctest.py", "pdb.py", "argparse.py", "optparse.py"),
    "windows": ("tkinter/*.py", "idlelib/*.py", "turtle.py"),
    "numbers": (
        "statistics.py",
        "fractions.py",
        "_pydecimal.py",
        "random.py",
        "datetime.py",
        "calendar.py",
    ),
    "parsing": (
        "xml/*/*.py",
        "html/*.py",
        "tokenize.py",
        "ast.py",
        "inspect.py",
        "pickletools.py",
        "tarfile.py",
    ),
}


@functools.cache
def text(name: str) -> str:
    """One text by name; "reference" is Python's language reference, in prose."""
    if name == "reference":
        return "\n".join(topics[topic] for topic in sorted(topics))
    files = [file for pattern in TEXTS[name] for file in sorted(LIBRARY.glob(pattern))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)[:LIMIT]


@functools.cache
def vocabulary(name: str, words: int) -> Tokenizer:
    """A byte-level byte-pair vocabulary of so many tokens, made from one text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=words, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator([text(name)], trainer)
    return made


def tokens(name: str, tokenizer: Tokenizer) -> torch.Tensor:
    """A text as ids."""
    key = name, hashlib.sha256(tokenizer.to_str().encode()).hexdigest()
    if key not in _IDS:
        lines = text(name).splitlines(keepends=True)
        _IDS[key] = torch.tensor(
            [i for encoding in tokenizer.encode_batch(lines) for i in encoding.ids]
        )
    return _IDS[key]


_IDS: dict[tuple[str, str], torch.Tensor] = {}


def entropy(ids: torch.Tensor) -> float:
    """Of the single tokens, in nats: the loss of the best model that reads no context."""
    shares = ids.bincount().double() / len(ids)
    return float(-torch.xlogy(shares, shares).sum())
