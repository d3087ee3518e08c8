"""Checkpoints that are built wrongly on purpose, for fuzz.py: each kind is drawn anew for a seed.

A damaged byte is mostly caught by the first check that meets it. These are sound but for what they
say: members of zip archives, places of tensors, operations of pickles, model cards, patterns and
texts, of which any may be drawn from odd ones.
"""

import json
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]
DATA = "archive/data/0"
SIZES = (0, 1, 2, 3, 4, 7, 8, 16, 64, 1000, 30_000, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, -1)
ODD_TEXTS = (
    "\ud800",
    "\udcff",
    "a\0b",
    "\x1b[31m",
    "\u202e",
    "a\nb",
    "",
    ".",
    "/",
    "~nobody-here/x",
    "..",
    "x" * 3000,
    "٣",
    "\U0001f600",
    "model.layers.999999999999.self_attn.q_proj.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
)
ODD_VALUES = (
    None,
    True,
    0,
    -1,
    2.5,
    1e308,
    float("inf"),
    float("nan"),
    10**400,
    "2",
    [],
    [2],
    {},
    {"a": {"a": []}},
    [[[]]],
    10**9,
)
CONFIG_KEYS = (
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_size",
    "architectures",
    "model_type",
    "_name_or_path",
    "quantization_config",
    "text_config",
    "num_hidden_layers",
)
ADAPTER_KEYS = (
    "peft_type",
    "r",
    "lora_alpha",
    "use_rslora",
    "rank_pattern",
    "alpha_pattern",
    "target_modules",
    "target_parameters",
    "modules_to_save",
    "layers_pattern",
    "exclude_modules",
    "init_lora_weights",
    "base_model_name_or_path",
    "trainable_token_indices",
)
PATTERN_PIECES = (
    *("a", "q_proj", ".", r"\.", ".*", "(a+)+", "(a|a)*", "(.*)*", "[a-z_]+", r"\d", "^", "$"),
    *("(?=.*a)", "(?!b)", "(?<=a)", "(?P<n>a)", r"\1", "(?i:a)", "{1000}", "{2,5}", "|", "(", ")"),
    *("[", "]", "\\", "?", "*", "+", "((((", "))))", "\ud800", "[\ud800-\uffff]", "(?#x)", r"\b"),
)
CARD_PIECES = (
    *("base_model: org/a", "base_model: [a/b, c/d]", "base_model:", "- org/a", "  - b", "{", "}"),
    *("[", "]", "&a", "*a", "<<: *a", "? ", ": ", "date: 2026-13-01", "n: 1:99:99", "!!binary x"),
    *("!!python/object/apply:os.system [x]", "|", ">", "'", '"', "\t", "#", "%YAML 9.9", "---"),
    *("...", "\0", "\x85", "[" * 200, "- " * 200, "? " * 200, "9" * 5000, "base_model: *a", "~"),
)


def members(folder: Path, tensors: Tensors, draw: random.Random) -> None:
    """A zip archive of torch whose members are packed, cut, doubled, renamed or misdescribed."""
    stream = BytesIO()
    torch.save(tensors, stream)
    with zipfile.ZipFile(stream) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    if draw.random() < 0.3:
        parts = [changed(name, part, draw) for name, part in parts]
    path = folder / "model.pt"
    with zipfile.ZipFile(path, "w", draw.choice((0, 8, 8, 12, 14))) as archive:
        for name, part in parts:
            archive.writestr(name, part, draw.choice((None, None, 0, 8)))
        if draw.random() < 0.1:
            with warnings.catch_warnings(action="ignore"):
                archive.writestr(draw.choice(parts)[0], b"again")
        if draw.random() < 0.1:
            archive.comment = b"a comment"
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice((0, 0, 1, 2))):
        alter_header(content, draw)
    path.write_bytes(content)


def changed(name: str, part: bytes, draw: random.Random) -> tuple[str, bytes]:
    """A member under another name or of other content, one time in eight."""
    match draw.randrange(32):
        case 0:
            return name.upper(), part
        case 1:
            return f"x/{name}", part
        case 2:
            return name, part[: draw.randrange(len(part) + 1)]
        case 3:
            return name, part + bytes(draw.choice((1, 4, 64)))
    if name.endswith("byteorder") and draw.random() < 0.3:
        return name, draw.choice((b"big", b"little", b"other", b""))
    return name, part


def alter_header(content: bytearray, draw: random.Random) -> None:
    """Change a number of a member's description, in the directory or before its bytes."""
    signature, fields = draw.choice(
        (
            (b"PK\x01\x02", (6, 8, 10, 16, 20, 24, 28, 30, 32, 34, 42)),
            (b"PK\x03\x04", (6, 8, 14, 18, 22, 26, 28)),
            (b"PK\x05\x06", (4, 6, 8, 10, 12, 16, 20)),
        )
    )
    places = [i for i in range(len(content) - 50) if content[i : i + 4] == signature]
    if places:
        at = draw.choice(places) + draw.choice(fields)
        value = draw.choice((0, 1, 8, 9, 99, 0xFFFF, content[at] ^ 1, draw.randrange(1 << 16)))
        content[at : at + 2] = struct.pack("<H", value)


def places(folder: Path, tensors: Tensors, draw: random.Random) -> None:
    """A pickle whose tensors have odd offsets, shapes, strides, storages and makers."""
    items = [text(name) + odd_tensor(draw) for name in tensors]
    write_pickle(folder, b"\x80\x02}(" + b"".join(items) + b"u.", draw)


def odd_tensor(draw: random.Random) -> bytes:
    """The operations that make a tensor of 16 numbers, sound nine times in ten."""
    if draw.random() < 0.9:
        return named("torch._utils", "_rebuild_tensor_v2") + arguments(0, (4, 4), (4, 1), draw)
    kinds = ("tensor", "tensor_v2", "tensor_v2", "tensor_v2", "tensor_v3", "parameter", "qtensor")
    kind = draw.choice((*kinds, "sparse_tensor", "nested_tensor", "meta_tensor_no_storage"))
    dimensions = draw.randrange(4)
    shape = tuple(draw.choice(SIZES) for _ in range(dimensions))
    stride = tuple(draw.choice(SIZES) for _ in range(draw.choice((dimensions, dimensions, 1))))
    offset = draw.choice((0, 0, 0, *SIZES))
    return named("torch._utils", f"_rebuild_{kind}") + arguments(offset, shape, stride, draw)


def arguments(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...], draw: random.Random
) -> bytes:
    """The operations of a call: storage, offset, shape, strides, no gradient, no hooks."""
    kind, count = "FloatStorage", 16
    if draw.random() < 0.1:
        kind = draw.choice(("HalfStorage", "QInt8Storage", "XStorage", "cuda.FloatStorage"))
        count = draw.choice(SIZES)
    key = draw.choice(("0", "0", "0", "0", "0", "0", "0", "1", "", "../0"))
    stored = text("storage") + named("torch", kind) + text(key) + text("cpu") + number(count)
    dimensions = b"(" + b"".join(number(size) for size in shape) + b"t"
    steps = b"(" + b"".join(number(step) for step in stride) + b"t"
    return b"((" + stored + b"tQ" + number(offset) + dimensions + steps + b"\x89}tR"


def operations(folder: Path, tensors: Tensors, draw: random.Random) -> None:
    """A pickle of operations in any order, with a sound table before."""
    pieces = [text("a"), number(3), b"N", b"]", b"}", b")", b"(", b"t", b"u", b"s", b"a", b"e"]
    pieces += [b"R", b"b", b"\x81", b"o", b"0", b"2", b"\x85", b"\x86", b"\x87", b"Q", b"q\x00"]
    pieces += [b"h\x00", b"\x8f", b"\x90", b"\x91", b"\x94", b"1", b"l", b"d", odd_tensor(draw)]
    pieces += [named("collections", "OrderedDict"), named("os", "system"), named("x", "Y")]
    pieces += [named("torch._tensor", "_rebuild_from_type_v2"), named("numpy", "dtype")]
    program = b"".join(draw.choice(pieces) for _ in range(draw.choice((3, 10, 40))))
    items = [text(name) + odd_tensor(draw) for name in tensors]
    sound = b"}(" + b"".join(items) + b"u"
    halves = draw.choice(((sound, program), (program, sound)))
    write_pickle(folder, b"\x80\x02" + b"".join(halves) + b".", draw)


def write_pickle(folder: Path, program: bytes, draw: random.Random) -> None:
    """An archive around a pickle, with one storage of 16 numbers."""
    floats = torch.randn(16, generator=torch.Generator().manual_seed(4)).numpy().tobytes()
    with zipfile.ZipFile(folder / "model.pt", "w", draw.choice((0, 8))) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", b"3\n")
        archive.writestr(DATA, floats)


def cards(folder: Path, tensors: Tensors, draw: random.Random) -> None:
    """A model card of pieces of YAML in any order."""
    save_file(tensors, folder / "model.safetensors")
    lines = [draw.choice(CARD_PIECES) for _ in range(draw.randint(1, 12))]
    text_of_card = "---\n" + draw.choice(("\n", " ", "")).join(lines) + "\n---\n"
    (folder / "README.md").write_bytes(text_of_card.encode("utf-8", "surrogatepass"))


def patterns(folder: Path, _: Tensors, draw: random.Random) -> None:
    """A LoRA whose config has patterns and values of any kind."""
    factors = {}
    for layer in range(3):
        place = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        factors[f"{place}.lora_A.weight"] = torch.ones(2, 8)
        factors[f"{place}.lora_B.weight"] = torch.arange(16.0).reshape(8, 2)
    save_file(factors, folder / "adapter_model.safetensors")
    settings: dict[str, object] = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
    for key in ("rank_pattern", "alpha_pattern"):
        settings[key] = {pattern(draw): draw.choice((1, 2, 2.5)) for _ in range(draw.randrange(4))}
    for _ in range(draw.choice((0, 0, 1, 3))):
        settings[draw.choice(ADAPTER_KEYS)] = odd_value(draw)
    (folder / "adapter_config.json").write_bytes(as_json(settings))


def pattern(draw: random.Random) -> str:
    """A regular expression, or nearly one."""
    pieces = [draw.choice(PATTERN_PIECES) for _ in range(draw.choice((1, 2, 5, 30)))]
    return "".join(pieces)


def texts(folder: Path, tensors: Tensors, draw: random.Random) -> None:
    """A config, an index and names of tensors with odd texts and values in them."""
    renamed = {}
    for name, tensor in tensors.items():
        odd = draw.choice(ODD_TEXTS)
        renamed[name if draw.random() < 0.8 else draw.choice((odd, f"{odd}.{name}"))] = tensor
    rows = {}
    position = 0
    for name, tensor in renamed.items():
        end = position + 4 * tensor.numel()
        row = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [position, end]}
        rows[name] = row
        position = end
    header = as_json(rows)
    content = b"".join(tensor.numpy().tobytes() for tensor in renamed.values())
    stored = len(header).to_bytes(8, "little") + header + content
    (folder / "model.safetensors").write_bytes(stored)
    config = {draw.choice(CONFIG_KEYS): odd_value(draw) for _ in range(draw.randrange(6))}
    (folder / "config.json").write_bytes(as_json(config))
    if draw.random() < 0.3:
        shard = draw.choice(("model.safetensors", *ODD_TEXTS))
        index = {"weight_map": dict.fromkeys(renamed, shard)}
        (folder / "model.safetensors.index.json").write_bytes(as_json(index))


def odd_value(draw: random.Random) -> object:
    """A value of any kind for a setting."""
    return draw.choice((draw.choice(ODD_VALUES), draw.choice(ODD_TEXTS), [draw.choice(ODD_TEXTS)]))


def as_json(content: object) -> bytes:
    """JSON with every odd character as an escape."""
    return json.dumps(content).encode()


def text(value: str) -> bytes:
    """The operation of a pickle that pushes a text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    """The operation of a pickle that pushes a number."""
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def named(module: str, name: str) -> bytes:
    """The operation of a pickle that pushes what has a name."""
    return f"c{module}\n{name}\n".encode()


HOSTILE: dict[str, Callable[[Path, Tensors, random.Random], None]] = {
    "cards": cards,
    "members": members,
    "operations": operations,
    "patterns": patterns,
    "places": places,
    "texts": texts,
}
"""Each writes a checkpoint into a folder."""
