"""Quantisations that are known and not read, so that the error gives their names."""

# Schemes that are known but not read, by a part that only they have.
REFUSED = {
    ".codebooks": "AQLM",
    ".centroids.weight": "VPTQ",
    ".tables2": "HIGGS",
    ".Qidxs": "QuIP#",
    ".q_invperm": "EXL2",
    ".trellis": "EXL3",
    ".scale_packed": "Marlin with 2:4 sparsity",
    ".weight_scales": "EETQ",
    ".dense_weights": "SpQR",
    ".weight._data._data": "quanto's numbers of less than 8 bits",
    "._weight_qdata": "torchao, in numbers of less than 8 bits or a layout of its own",
    "._weight_packed": "torchao, in packed numbers",
}
# The same, by two parts of one stem.
REFUSED_PAIRS = {(".B", ".s"): "GPTQ in Marlin's order"}
# What configs call the methods whose parts are read; of another one the error gives the name.
READ_METHODS = {
    "gptq",
    "awq",
    "auto-round",
    "bitsandbytes",
    "compressed-tensors",
    "fp8",
    "fbgemm_fp8",
    "mxfp4",
    "modelopt",
    "hqq",
    "bitnet",
    "quanto",
    "torchao",
}
