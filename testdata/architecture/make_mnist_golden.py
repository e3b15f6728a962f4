"""Works out what mnist.json gives with the weights of mnist.safetensors, in NumPy alone.

usage: make_mnist_golden.py MODEL_FOLDER > mnist_golden.json

MODEL_FOLDER has mnist.safetensors and, in test_data_set_*, the inputs of the
same network as ONNX. Sums are in float64.
"""
import glob
import json
import os
import struct
import sys

import numpy as np


def safetensors(path):
    data = open(path, "rb").read()
    (n,) = struct.unpack("<Q", data[:8])
    types = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, t in json.loads(data[8 : 8 + n]).items():
        start, end = t["data_offsets"]
        raw = data[8 + n + start : 8 + n + end]
        tensors[name] = np.frombuffer(raw, types[t["dtype"]]).reshape(t["shape"]).astype(np.float64)
    return tensors


def image(path):
    """The 28×28 floats of a TensorProto are its last field."""
    return np.frombuffer(open(path, "rb").read()[-28 * 28 * 4 :], np.float32).reshape(1, 1, 28, 28).astype(np.float64)


def conv(x, w, b):
    n, _, h, wide = x.shape
    m, _, kh, kw = w.shape
    y = np.zeros((n, m, h - kh + 1, wide - kw + 1))
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            y[:, :, i, j] = np.tensordot(x[:, :, i : i + kh, j : j + kw], w, ([1, 2, 3], [1, 2, 3]))
    return y + b[:, None, None]


def norm(x, t, name):
    shape = [1, -1] + [1] * (x.ndim - 2)
    w, b, mean, var = (t[f"{name}.{r}"].reshape(shape) for r in ("weight", "bias", "running_mean", "running_var"))
    return (x - mean) / np.sqrt(var + 1e-5) * w + b


def relu(x):
    return np.maximum(x, 0)


folder = sys.argv[1]
t = safetensors(os.path.join(folder, "mnist.safetensors"))
golden = {}
for path in sorted(glob.glob(os.path.join(folder, "test_data_set_*", "input_0.pb"))):
    x = image(path)
    for i in (1, 2, 3):
        x = relu(conv(x, t[f"conv{i}.weight"], t[f"conv{i}.bias"]))
    x = norm(x, t, "norm1").reshape(1, -1)
    x = relu(x @ t["fc1.weight"].T + t["fc1.bias"])
    x = norm(x @ t["fc2.weight"].T + t["fc2.bias"], t, "norm2")
    x = x - x.max()
    x = x - np.log(np.exp(x).sum())
    golden[os.path.basename(os.path.dirname(path))] = [float(np.float32(v)) for v in x[0]]
print(json.dumps(golden, indent=2))
