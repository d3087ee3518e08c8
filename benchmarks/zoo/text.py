"""Text that every Python brings along, vocabularies made from it, and sequences like those of proteins."""

import functools
import hashlib
import random
import sysconfig
from pathlib import Path
from pydoc_data.topics import topics

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

WORDS = {"bytes": 512, "characters": 33, "amino": 25}  # kinds of vocabularies and their tokens
CHARACTERS = "?\n abcdefghijklmnopqrstuvwxyz.,()"  # the first stands for all others
ACIDS = "ACDEFGHIKLMNPQRSTVWY"
AMINO = "X\nBZU" + ACIDS
SEQUENCES, LENGTH = 1500, 150  # of one text of amino acids
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
    if name.startswith("amino-"):
        return sequences(name)
    if name == "reference":
        return "\n".join(topics[topic] for topic in sorted(topics))
    files = [file for pattern in TEXTS[name] for file in sorted(LIBRARY.glob(pattern))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)[:LIMIT]


def sequences(name: str) -> str:
    """Lines of amino acids, each drawn by the one before it; the name seeds a part of the preferences."""
    common = random.Random("amino")
    own = random.Random(name)
    weights = {}
    for acid in ACIDS:
        weights[acid] = [common.random() ** 6 + 0.3 * own.random() ** 6 for _ in ACIDS]
    lines = []
    for _ in range(SEQUENCES):
        line = own.choice(ACIDS)
        while len(line) < LENGTH:
            line += own.choices(ACIDS, weights[line[-1]])[0]
        lines.append(line)
    return "\n".join(lines)


def named(name: str, tokenizer: Tokenizer) -> str:
    """What to read in a text's place: sequences, where the tokenizer knows nothing else."""
    return f"amino-{name}" if tokenizer.get_vocab_size() == WORDS["amino"] else name


def tokenizer_of(kind: str) -> Tokenizer:
    """The vocabulary of a kind in WORDS, those of bytes made from the reference text."""
    if kind == "bytes":
        return vocabulary("reference", WORDS[kind])
    return letters(CHARACTERS if kind == "characters" else AMINO)


@functools.cache
def letters(alphabet: str) -> Tokenizer:
    """One token for every letter; the first stands for what is not among them."""
    places = {letter: place for place, letter in enumerate(alphabet)}
    made = Tokenizer(models.WordLevel(places, unk_token=alphabet[0]))
    if alphabet == alphabet.lower():
        made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made.decoder = decoders.Fuse()
    return made


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
