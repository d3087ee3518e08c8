"""registry.numerics.arrays: numpy in the host's memory, whatever it came as."""

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import torch

from registry.numerics import arrays

NARROW = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


@pytest.mark.parametrize("dtype", [*NARROW, torch.float16, torch.int64, torch.bool])
def test_tensors_and_arrays_share_memory(dtype):
    """There and back, of every type, with any strides."""
    tensor = torch.arange(12).reshape(3, 4).to(dtype).T
    array = arrays.as_array(tensor)
    assert array.dtype.name == str(dtype).removeprefix("torch.")
    again = arrays.as_tensor(array)
    assert (again.dtype, again.data_ptr(), again.stride()) == (dtype, tensor.data_ptr(), (1, 4))


@pytest.mark.parametrize("dtype", NARROW)
def test_every_narrow_float_has_its_value(dtype):
    """As float32, every pattern is what torch says, infinities and NaN included."""
    patterns = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
    array = patterns.view(arrays.dtype_named(str(dtype).removeprefix("torch.")))
    expected = arrays.as_tensor(array).float().numpy()
    assert np.array_equal(arrays.float32(array), expected, equal_nan=True)
    assert np.array_equal(arrays.finite(array), np.nan_to_num(expected, posinf=0, neginf=0))


def test_types_that_are_floats():
    """The narrow ones are, whole and complex numbers are not."""
    floats = [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, np.float16, np.float64]
    others = [np.int8, np.bool_, np.complex64, ml_dtypes.int4]
    assert all(arrays.is_floating(np.dtype(kind)) for kind in floats)
    assert not any(arrays.is_floating(np.dtype(kind)) for kind in others)


@pytest.mark.parametrize("kind", [np.float32, ml_dtypes.bfloat16])
def test_rows_that_do_not_lie_side_by_side(kind):
    """Are copied once they have to be, in their order."""
    array = np.arange(12, dtype=np.float32).astype(kind).reshape(3, 4)
    assert arrays.contiguous(array) is array
    assert arrays.contiguous(array.T).flags.c_contiguous
    assert (arrays.contiguous(array.T) == array.T).all()
    assert (arrays.reshaped(array.T, 6, 2) == array.T.reshape(6, 2)).all()
    assert arrays.reshaped(array, 6, 2).base is not None


def test_torch_that_is_loaded_late_keeps_to_one_thread():
    """Where nobody had loaded it before the first tensor was asked for."""
    code = (
        "import sys, numpy as np; from registry.numerics.arrays import as_tensor;"
        "assert 'torch' not in sys.modules; as_tensor(np.ones(2));"
        "import torch; assert torch.get_num_threads() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
