"""Fuzz the readers: every outcome of a damaged checkpoint must be a fingerprint or one RegistryError.

    python benchmarks/fuzz.py --count 100000

Small valid checkpoints of every readable format are mutated (bits, cuts, copies, numbers in headers),
others are built wrongly (fuzz_hostile), and all are fingerprinted with a budget: 10 seconds of
processor time and a gigabyte of address space for each. Anything else is a failure: another exception,
a crash, a hang, a file opened outside the folder, a sentence that is none, a word on stderr, other
numbers than torch.load reads. Its seed repeats it (--seed N --count 1). Ends with one JSON line.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from fuzz_formats import MAKERS
from fuzz_hostile import HOSTILE
from gguf import GGUFWriter
from safetensors.torch import save_file

from registry.checkpoints import Checkpoint, open_checkpoint
from registry.errors import RegistryError
from registry.fingerprints.compute import compute

SECONDS = 10  # of processor time
PATIENCE = 60  # seconds by the clock
LONGEST = 4000  # characters of a sentence
COMPARED = ("members", "places")  # kinds whose numbers are compared with those of torch.load
HEAD = 600  # bytes; every second change falls into them, where headers are
BATCH = 500
BUDGET = 1 << 30  # bytes of address space over what the interpreter has after its first fingerprint
GGUF_NAMES = {"attn_o": "attn_output"}
NUMBERS = (
    b"0",
    b"-1",
    b"1e9",
    b"18446744073709551615",
    b"9223372036854775807",
    b"null",
    b"[]",
    b'"x"',
)
BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\xff" * 8)


def tensors() -> dict[str, torch.Tensor]:
    """One layer of a Llama, a few kilobytes."""
    draw = torch.Generator().manual_seed(1)
    shapes = {
        "self_attn.q": (8, 8),
        "self_attn.k": (4, 8),
        "self_attn.v": (4, 8),
        "self_attn.o": (8, 8),
    }
    shapes |= {"mlp.gate": (12, 8), "mlp.up": (12, 8), "mlp.down": (8, 12)}
    return {
        f"model.layers.0.{name}_proj.weight": torch.randn(*shape, generator=draw)
        for name, shape in shapes.items()
    }


def safetensors(folder: Path) -> str:
    """One file."""
    save_file(tensors(), folder / "model.safetensors")
    return "model.safetensors"


def index(folder: Path) -> str:
    """An index over two shards; the index is mutated."""
    names = sorted(tensors())
    places = {name: f"model-0000{i % 2 + 1}-of-00002.safetensors" for i, name in enumerate(names)}
    for shard in set(places.values()):
        save_file({n: t for n, t in tensors().items() if places[n] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return "model.safetensors.index.json"


def config(folder: Path) -> str:
    """A config beside weights that need it not."""
    safetensors(folder)
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["X"], "num_attention_heads": 2})
    )
    return "config.json"


def pickle(folder: Path) -> str:
    """Torch's zip format."""
    torch.save({"model": tensors(), "step": 3}, folder / "model.pt")
    return "model.pt"


def legacy(folder: Path) -> str:
    """Torch's format before 1.6."""
    torch.save(tensors(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return "pytorch_model.bin"


def gguf(folder: Path) -> str:
    """llama.cpp's format, one tensor quantised."""
    writer = GGUFWriter(folder / "model.gguf", "llama")
    writer.add_head_count(2)
    for name, tensor in tensors().items():
        part = name.removesuffix("_proj.weight").split(".")[-1]
        key = f"attn_{part}" if "attn" in name else f"ffn_{part}"
        writer.add_tensor(f"blk.0.{GGUF_NAMES.get(key, key)}.weight", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return "model.gguf"


def llama2c(folder: Path) -> str:
    """llama2.c's first export: seven numbers, then float32 in a fixed order."""
    dim, inner, words, length = 8, 12, 4, 2
    count = 2 * words * dim + 2 * dim + 4 * dim * dim + 3 * dim * inner + dim + length * (dim // 2)
    header = struct.pack("7i", dim, inner, 1, 2, 2, -words, length)
    floats = torch.randn(count, generator=torch.Generator().manual_seed(2))
    (folder / "model.bin").write_bytes(header + floats.numpy().tobytes())
    return "model.bin"


def adapter(folder: Path) -> str:
    """A LoRA on query and value."""
    draw = torch.Generator().manual_seed(3)
    shapes = {"q_proj": (8, 8), "v_proj": (4, 8)}
    factors = {}
    for name, (rows, columns) in shapes.items():
        place = f"base_model.model.model.layers.0.self_attn.{name}"
        factors[f"{place}.lora_A.weight"] = torch.randn(2, columns, generator=draw)
        factors[f"{place}.lora_B.weight"] = torch.randn(rows, 2, generator=draw)
    save_file(factors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": list(shapes)}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return "adapter_model.safetensors"


def adapter_settings(folder: Path) -> str:
    """The settings beside a LoRA."""
    adapter(folder)
    return "adapter_config.json"


def quantised(folder: Path) -> str:
    """GPTQ, 4 bits: packed integers, zeros and scales."""
    content = tensors()
    shape = content.pop("model.layers.0.self_attn.q_proj.weight").shape
    place = "model.layers.0.self_attn.q_proj"
    content[f"{place}.qweight"] = torch.full(
        (shape[1] // 8, shape[0]), 0x12345678, dtype=torch.int32
    )
    content[f"{place}.qzeros"] = torch.full((1, shape[0] // 8), 0x11111111, dtype=torch.int32)
    content[f"{place}.scales"] = torch.ones(1, shape[0], dtype=torch.float16)
    save_file(content, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"quantization_config": {"quant_method": "gptq", "bits": 4}})
    )
    return "model.safetensors"


def further(name: str, folder: Path) -> str:
    """A checkpoint of a format of fuzz_formats."""
    return MAKERS[name](folder, tensors())


FORMATS: dict[str, Callable[[Path], str]] = {
    "adapter": adapter,
    "config": config,
    "gguf": gguf,
    "index": index,
    "legacy": legacy,
    "llama2c": llama2c,
    "pickle": pickle,
    "quantised": quantised,
    "safetensors": safetensors,
    "settings": adapter_settings,
    **{name: partial(further, name) for name in MAKERS},
}
"""Each writes a checkpoint into a folder and returns the name of the file that is mutated."""


def mutate(content: bytes, draw: random.Random) -> bytes:
    """One to four changes of a kind that tools and transfers make, or an attacker."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        region = draw.choice((len(data), min(len(data), HEAD)))
        at = draw.randrange(region + 1)
        end = min(len(data), at + draw.choice((1, 2, 8, 64)))
        match draw.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                data[at:end] = draw.choice(BYTES)
            case 2:
                del data[at:]
            case 3:
                del data[at:end]
            case 4:
                start = draw.randrange(len(data) + 1)
                data[at:at] = data[start:][: draw.choice((1, 8, 64))]
            case 5:
                renumber(data, draw)
            case 6:
                data[at:at] = draw.randbytes(draw.choice((1, 8, 64)))
    return bytes(data)


def renumber(data: bytearray, draw: random.Random) -> None:
    """Replace one of the decimal numbers in a text."""
    digits = [i for i, byte in enumerate(data[:5000]) if chr(byte).isdigit()]
    if digits:
        at = draw.choice(digits)
        data[at : at + draw.randint(1, 3)] = draw.choice(NUMBERS)


def attempt(seed: int, folder: Path, seconds: float = SECONDS) -> str:
    """Return what comes of one checkpoint: `fingerprint`, an error's class, or FAILURE."""
    draw = random.Random(seed)
    kind = draw.choice(sorted({**FORMATS, **HOSTILE}))
    make(kind, folder, draw)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, min(PATIENCE, 6 * seconds))
    try:
        with silent():
            outcome = outcome_of(kind, folder)
    except BaseException as exc:  # noqa: BLE001  # whatever it is, it is the finding
        return f"FAILURE seed {seed}, {kind}: {type(exc).__name__}: {str(exc)[:200]!a}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for file in folder.iterdir():
            file.unlink()
    return f"{kind}: {outcome}"


def make(kind: str, folder: Path, draw: random.Random) -> None:
    """Write a checkpoint that is mutated or built wrongly, or both."""
    if kind in FORMATS:
        path = folder / FORMATS[kind](folder)
        path.write_bytes(mutate(path.read_bytes(), draw))
        return
    HOSTILE[kind](folder, tensors(), draw)
    if draw.random() < 0.1:
        path = draw.choice(sorted(folder.iterdir()))
        path.write_bytes(mutate(path.read_bytes(), draw))


def outcome_of(kind: str, folder: Path) -> str:
    """Return `fingerprint` or an error's class. Raises AssertionError for what should not be."""
    try:
        checkpoint = open_checkpoint(folder)
        if kind in COMPARED:
            compare(checkpoint, folder / "model.pt")
        compute(checkpoint)
    except RegistryError as exc:
        sentence = str(exc)
        assert sentence.isprintable(), f"a sentence that is not printable: {sentence!a}"
        assert len(sentence) < LONGEST, f"a sentence of {len(sentence)} characters"
        return type(exc).__name__
    return "fingerprint"


def compare(checkpoint: Checkpoint, path: Path) -> None:
    """Check that tensors have the numbers that torch.load reads, where it reads the file."""
    ours = {entry.name: entry.load() for entry in checkpoint.entries}
    with silent(said=False):
        try:
            theirs = torch.load(path, weights_only=True)
        except Exception:  # noqa: BLE001  # what torch refuses may be read here
            return
    for name, tensor in ours.items():
        same = bits(tensor) == bits(theirs[name])
        assert same, f"{name} is not what torch.load reads"


def bits(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor's numbers, of which one that is none equals no other."""
    return tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()


@contextmanager
def silent(*, said: bool = True) -> Iterator[None]:
    """Catch what is written to stderr, also by libraries.

    Raises AssertionError for a word, unless `said` is false.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
        caught.seek(0)
        words = caught.read(500)
    assert not (said and words), f"on stderr: {words!a}"


def prepare() -> None:
    """Put a process under the budget, after one run has imported what is imported late."""
    warnings.simplefilter("ignore", RuntimeWarning)  # as the command line does
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, alarm)
    signal.signal(signal.SIGPROF, alarm)
    work(range(50))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BUDGET, used + BUDGET))
    sys.addaudithook(watch)


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Raise where anything runs, is sent, or is opened that is not the checkpoint."""
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect"):
        raise PermissionError(f"{event} {arguments}")
    if event == "open":
        loaded = "/proc/self/maps"  # where scikit-learn looks for thread pools
        allowed = (tempfile.gettempdir(), sys.prefix, sys.base_prefix, loaded)
        if not str(arguments[0]).startswith(allowed):
            raise PermissionError(f"open {arguments[0]}")


def work(seeds: range) -> Counter[str]:
    """Return the outcomes of many mutations in one process."""
    folder = Path(tempfile.mkdtemp())
    try:
        return Counter(attempt(seed, folder) for seed in seeds)
    finally:
        shutil.rmtree(folder)


def alarm(*_: object) -> None:
    """Turn a hang into an exception."""
    raise TimeoutError(f"longer than {SECONDS} seconds")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    end = options.seed + options.count
    batches = [range(first, min(first + BATCH, end)) for first in range(options.seed, end, BATCH)]
    outcomes: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(options.processes, prepare) as pool:
        for outcomes_of_batch in pool.imap_unordered(work, batches):
            outcomes += outcomes_of_batch
    failures = 0
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:8}  {outcome}")
        if outcome.startswith("FAILURE"):
            failures += count
    summary = {"inputs": outcomes.total(), "failures": failures, "outcomes": len(outcomes)}
    print(json.dumps(summary))
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
