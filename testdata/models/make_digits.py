"""Trains digits.onnx, the model that the README's first command runs.

A convolutional net of some 20,000 weights on scikit-learn's digits (8x8 grey
images, 1,797 of them), trained with plain numpy, so that nothing here depends
on a framework's exporter. Run by hand; the results are committed:

    pip install numpy==2.4.6 onnx==1.23.2 scikit-learn==1.9.1 pillow
    python testdata/models/make_digits.py

It writes digits.onnx, zero.png ... nine.png (held-out images, 64x64) and
test_data_set_0, and prints the accuracy on held-out images.
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = "zero one two three four five six seven eight nine".split()
rng = np.random.default_rng(7)


def columns(x, stride):
    """(n, c, h, w) -> (n, h/stride * w/stride, c * 9), padding 1, kernel 3."""
    n, c, h, w = x.shape
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    parts = [p[:, :, i : i + h : stride, j : j + w : stride] for i in range(3) for j in range(3)]
    s = np.stack(parts, axis=2)  # (n, c, 9, h', w')
    return s.transpose(0, 3, 4, 1, 2).reshape(n, -1, c * 9)


def uncolumns(d, shape, stride):
    n, c, h, w = shape
    p = np.zeros((n, c, h + 2, w + 2))
    d = d.reshape(n, -(-h // stride), -(-w // stride), c, 9).transpose(0, 3, 4, 1, 2)
    for k in range(9):
        p[:, :, k // 3 : k // 3 + h : stride, k % 3 : k % 3 + w : stride] += d[:, :, k]
    return p[:, :, 1:-1, 1:-1]


def init(*shape, fan):
    return rng.normal(0, np.sqrt(2 / fan), shape)


W = {
    "w1": init(9, 16, fan=9), "b1": np.zeros(16),
    "w2": init(144, 32, fan=144), "b2": np.zeros(32),
    "w3": init(512, 24, fan=512), "b3": np.zeros(24),
    "w4": init(24, 10, fan=24), "b4": np.zeros(10),
}


def forward(x):
    n = len(x)
    c1 = columns(x, 1)
    h1 = np.maximum(c1 @ W["w1"] + W["b1"], 0)  # (n, 64, 16)
    x2 = h1.transpose(0, 2, 1).reshape(n, 16, 8, 8)
    c2 = columns(x2, 2)
    h2 = np.maximum(c2 @ W["w2"] + W["b2"], 0)  # (n, 16, 32)
    f = h2.transpose(0, 2, 1).reshape(n, 512)
    h3 = np.maximum(f @ W["w3"] + W["b3"], 0)
    z = h3 @ W["w4"] + W["b4"]
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True), (c1, h1, x2.shape, c2, h2, f, h3)


def gradients(x, y):
    p, (c1, h1, s2, c2, h2, f, h3) = forward(x)
    n = len(x)
    g = p.copy()
    g[np.arange(n), y] -= 1
    g /= n
    d = {"w4": h3.T @ g, "b4": g.sum(0)}
    g = (g @ W["w4"].T) * (h3 > 0)
    d["w3"], d["b3"] = f.T @ g, g.sum(0)
    g = (g @ W["w3"].T).reshape(n, 32, 16).transpose(0, 2, 1) * (h2 > 0)
    d["w2"], d["b2"] = np.einsum("npk,npm->km", c2, g), g.sum((0, 1))
    g = uncolumns(g @ W["w2"].T, s2, 2).reshape(n, 16, 64).transpose(0, 2, 1) * (h1 > 0)
    d["w1"], d["b1"] = np.einsum("npk,npm->km", c1, g), g.sum((0, 1))
    return d


def augment(x):
    """Shifts by up to one pixel and softens, as resizing a picture does."""
    out = x.copy()
    for i in range(len(x)):
        dy, dx = rng.integers(0, 3, 2)
        out[i, 0] = np.pad(x[i, 0], 1)[dy : dy + 8, dx : dx + 8]
    soft = rng.uniform(0, 0.2, (len(x), 1, 1, 1))
    p = np.pad(out, ((0, 0), (0, 0), (1, 1), (1, 1)))
    near = (p[:, :, :-2, 1:-1] + p[:, :, 2:, 1:-1] + p[:, :, 1:-1, :-2] + p[:, :, 1:-1, 2:]) / 4
    return (1 - soft) * out + soft * near


def train(x, y):
    m = {k: np.zeros_like(v) for k, v in W.items()}
    v = {k: np.zeros_like(w) for k, w in W.items()}
    step = 0
    for epoch in range(60):
        order = rng.permutation(len(x))
        rate = 2e-3 * 0.5 ** (epoch / 15)
        for i in range(0, len(x), 64):
            b = order[i : i + 64]
            step += 1
            for k, g in gradients(augment(x[b]), y[b]).items():
                m[k] = 0.9 * m[k] + 0.1 * g
                v[k] = 0.999 * v[k] + 0.001 * g * g
                W[k] -= rate * (m[k] / (1 - 0.9**step)) / (np.sqrt(v[k] / (1 - 0.999**step)) + 1e-8)


def export(path):
    def const(name, a):
        return numpy_helper.from_array(np.ascontiguousarray(a, np.float32), name)

    weights = [
        const("conv1.weight", W["w1"].T.reshape(16, 1, 3, 3)), const("conv1.bias", W["b1"]),
        const("conv2.weight", W["w2"].T.reshape(32, 16, 3, 3)), const("conv2.bias", W["b2"]),
        const("fc1.weight", W["w3"].T), const("fc1.bias", W["b3"]),
        const("fc2.weight", W["w4"].T), const("fc2.bias", W["b4"]),
    ]
    conv = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], "conv1", strides=[1, 1], **conv),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "conv2.weight", "conv2.bias"], ["c2"], "conv2", strides=[2, 2], **conv),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("Flatten", ["r2"], ["f"], "flatten", axis=1),
        helper.make_node("Gemm", ["f", "fc1.weight", "fc1.bias"], ["g1"], "fc1", transB=1),
        helper.make_node("Relu", ["g1"], ["r3"], "relu3"),
        helper.make_node("Gemm", ["r3", "fc2.weight", "fc2.bias"], ["g2"], "fc2", transB=1),
        helper.make_node("Softmax", ["g2"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes, "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, producer_name="glovebox", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    with open(path, "wb") as f:
        f.write(model.SerializeToString(deterministic=True))


def main():
    data = load_digits()
    x = (data.images / 16.0)[:, None]
    y = data.target
    order = np.random.default_rng(1).permutation(len(x))
    held, rest = order[:300], order[300:]
    train(x[rest], y[rest])
    p, _ = forward(x[held])
    print(f"accuracy on {len(held)} held-out images: {(p.argmax(1) == y[held]).mean():.4f}")
    export(os.path.join(HERE, "digits.onnx"))
    first = {}
    for i, q in zip(held, p):
        if q.argmax() == y[i] and q.max() > 0.99:
            first.setdefault(int(y[i]), i)
    for digit, i in first.items():
        big = np.kron(np.round(x[i, 0] * 255).astype(np.uint8), np.ones((8, 8), np.uint8))
        Image.fromarray(big).save(os.path.join(HERE, NAMES[digit] + ".png"), optimize=True)
    folder = os.path.join(HERE, "test_data_set_0")
    os.makedirs(folder, exist_ok=True)
    batch = x[held[:4]].astype(np.float32)
    for name, a in (("input_0", batch), ("output_0", forward(batch)[0].astype(np.float32))):
        with open(os.path.join(folder, name + ".pb"), "wb") as f:
            f.write(numpy_helper.from_array(a, name).SerializeToString(deterministic=True))


main()
