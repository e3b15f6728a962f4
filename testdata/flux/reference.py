"""An independent forward pass of the Flux models that reading.py reads.

Arrays keep Julia's axes: images are (width, height, channels, batch). What each
layer computes is written down from Flux's and NNlib's documentation, slowly and
plainly, in float64. Nothing here is shared with the front end that it judges.
"""
import itertools
import math

import numpy as np

from reading import Reader, Struct


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


FUNCTIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leakyrelu": lambda x: np.where(x > 0, x, 0.01 * x),
    "σ": sigmoid,
    "sigmoid": sigmoid,
    "sigmoid_fast": sigmoid,
    "hardσ": lambda x: np.clip((x + 3) / 6, 0, 1),
    "logσ": lambda x: -softplus(-x),
    "tanh": np.tanh,
    "tanh_fast": np.tanh,
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "elu": lambda x: np.where(x >= 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "celu": lambda x: np.where(x >= 0, x, np.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "swish": lambda x: x * sigmoid(x),
    "hardswish": lambda x: x * np.clip((x + 3) / 6, 0, 1),
    "lisht": lambda x: x * np.tanh(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanhshrink": lambda x: x - np.tanh(x),
    "softshrink": lambda x: np.minimum(np.maximum(0, x - 0.5), x + 0.5),
    "trelu": lambda x: np.where(x > 1, x, 0),
    "logcosh": lambda x: x + softplus(-2 * x) - math.log(2),
    "exp": np.exp, "atan": np.arctan, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "sign": np.sign, "cos": np.cos,
    "-": np.negative, "inv": np.reciprocal, "logsigmoid": lambda x: -softplus(-x), "hardsigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "thresholdrelu": lambda x: np.where(x > 1, x, 0), "rrelu": lambda x: np.where(x > 0, x, (1 / 8 + 1 / 3) / 2 * x),
    "erf": np.vectorize(math.erf), "gelu_erf": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_sigmoid": lambda x: x * sigmoid(1.702 * x),
    "abs": np.abs,
    "abs2": np.square,
    "sin": np.sin,
}


# What Fix2 gives a second argument.
PARAMETRIC = {
    "leakyrelu": lambda x, a: np.where(x > 0, x, a * x),
    "elu": lambda x, a: np.where(x >= 0, x, a * np.expm1(x)),
    "celu": lambda x, a: np.maximum(0, x) + np.minimum(0, a * np.expm1(x / a)),
    "softshrink": lambda x, a: np.minimum(np.maximum(0, x - a), x + a),
    "trelu": lambda x, a: np.where(x > a, x, 0),
}


def function(s):
    if s.short == "Fix2":
        return lambda x: PARAMETRIC[s.fields[0].short.removeprefix("#")](x, float(s.fields[1]))
    return FUNCTIONS[s.short.removeprefix("#")]


def softmax(x):
    e = np.exp(x - x.max(0, keepdims=True))
    return e / e.sum(0, keepdims=True)


def left(v, rank):
    """Reshapes v so that it broadcasts as Julia does: from the first axis on."""
    v = np.asarray(v, "f8")
    return v.reshape(v.shape + (1,) * (rank - v.ndim))


def wide(n, v):
    return (v,) * n if isinstance(v, int) else tuple(v)


def padding(n, pad):
    pad = wide(n, pad)
    return [(p, p) for p in pad] if len(pad) == n else [(pad[2 * i], pad[2 * i + 1]) for i in range(n)]


def indices(shape):
    return itertools.product(*(range(n) for n in shape))


def conv(x, w, stride, pad, dilation, groups, flip):
    n = w.ndim - 2
    stride, dilation = wide(n, stride), wide(n, dilation)
    if flip:
        w = np.flip(w, tuple(range(n)))
    x = np.pad(x, padding(n, pad) + [(0, 0), (0, 0)])
    out = [(x.shape[i] - dilation[i] * (w.shape[i] - 1) - 1) // stride[i] + 1 for i in range(n)]
    each_in, each_out = w.shape[n], w.shape[n + 1] // groups
    y = np.zeros(out + [w.shape[n + 1], x.shape[-1]])
    for at in indices(out):
        for tap in indices(w.shape[:n]):
            place = tuple(at[i] * stride[i] + tap[i] * dilation[i] for i in range(n))
            for g in range(groups):
                xs = x[place][g * each_in : (g + 1) * each_in]  # (in, batch)
                ws = w[tap][:, g * each_out : (g + 1) * each_out]  # (in, out)
                y[at][g * each_out : (g + 1) * each_out] += ws.T @ xs
    return y


def conv_transpose(x, w, stride, pad, outpad, dilation, groups):
    """The gradient of conv: each element of x adds a flipped window of w."""
    n = w.ndim - 2
    stride, dilation, outpad = wide(n, stride), wide(n, dilation), wide(n, outpad)
    pad = padding(n, pad)
    w = np.flip(w, tuple(range(n)))
    full = [(x.shape[i] - 1) * stride[i] + dilation[i] * (w.shape[i] - 1) + 1 + outpad[i] for i in range(n)]
    each_out, each_in = w.shape[n], w.shape[n + 1] // groups
    y = np.zeros(full + [each_out * groups, x.shape[-1]])
    for at in indices(x.shape[:n]):
        for tap in indices(w.shape[:n]):
            place = tuple(at[i] * stride[i] + tap[i] * dilation[i] for i in range(n))
            for g in range(groups):
                xs = x[at][g * each_in : (g + 1) * each_in]
                ws = w[tap][:, g * each_in : (g + 1) * each_in]  # (out, in)
                y[place][g * each_out : (g + 1) * each_out] += ws @ xs
    return y[tuple(slice(pad[i][0], full[i] - pad[i][1]) for i in range(n))]


def depthwise(x, w, stride, pad, dilation):
    n = w.ndim - 2
    each, channels = w.shape[n], w.shape[n + 1]
    parts = [conv(x[..., c : c + 1, :], w[..., c][..., None, :], stride, pad, dilation, 1, True) for c in range(channels)]
    assert parts[0].shape[n] == each
    return np.concatenate(parts, n)


def pool(x, k, pad, stride, largest):
    n = len(k)
    stride = wide(n, stride)
    x = np.pad(x, padding(n, pad) + [(0, 0), (0, 0)], constant_values=-np.inf if largest else 0)
    out = [(x.shape[i] - k[i]) // stride[i] + 1 for i in range(n)]
    y = np.zeros(out + list(x.shape[n:]))
    for at in indices(out):
        window = x[tuple(slice(at[i] * stride[i], at[i] * stride[i] + k[i]) for i in range(n))]
        y[at] = (window.max if largest else window.mean)(tuple(range(n)))
    return y


def adaptive(x, out, largest):
    stride = [x.shape[i] // out[i] for i in range(len(out))]
    k = [x.shape[i] - (out[i] - 1) * stride[i] for i in range(len(out))]
    return pool(x, k, (0,) * len(out), stride, largest)


def channelwise(v, x):
    return np.asarray(v, "f8").reshape((1,) * (x.ndim - 2) + (-1, 1))


def norm(s, x, reader):
    f = s.fields
    groups = f.pop(0) if s.short == "GroupNorm" else None
    act, beta, gamma, mean, var, eps = f[:6]
    affine, track = (f[7], f[8]) if len(f) > 8 else (True, True)
    spatial = tuple(range(x.ndim - 2))
    if groups is not None and not (track and mean is not None):
        shape = x.shape
        grouped = x.reshape(shape[:-2] + (shape[-2] // groups, groups, shape[-1]), order="F")
        axes = tuple(range(x.ndim - 1))
        m = grouped.mean(axes, keepdims=True)
        v = grouped.var(axes, keepdims=True)
        y = ((grouped - m) / np.sqrt(v + eps)).reshape(shape, order="F")
    elif track and mean is not None:
        mean, var = np.asarray(mean, "f8").ravel(), np.asarray(var, "f8").ravel()
        if groups is not None:
            each = x.shape[-2] // groups
            mean, var = np.repeat(mean, each), np.repeat(var, each)
        old = s.short == "BatchNorm" and len(f) == 8 and (reader.void or isinstance(eps, float) and eps == 1e-8)
        scale = channelwise(var, x) if old else np.sqrt(channelwise(var, x) + eps)
        y = (x - channelwise(mean, x)) / scale
    else:
        axes = spatial + ((x.ndim - 1,) if s.short == "BatchNorm" else ())
        y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    if affine and gamma is not None:
        y = channelwise(gamma, x) * y + channelwise(beta, x)
    return function(act)(y)


def layer_norm(s, x, reader):
    if len(s.fields) == 1:
        diag, eps, dims, act = s.fields[0], 1e-6, 1, None
        if reader.tracker:
            eps = 0.0
    else:
        act, diag, eps, size, _ = s.fields
        dims = len(size) if isinstance(size, tuple) else 1
    axes = tuple(range(dims))
    apart, var = x - x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    if diag is None or diag.short == "Diagonal":
        y = apart / (np.sqrt(var) + float(eps))
    else:
        y = apart / np.sqrt(var + float(eps) ** 2)
    if diag is None:
        return function(act)(y)
    if diag.short in ("Scale", "Diagonal"):
        y = forward(diag, y, reader)
        return y if diag.short == "Scale" or act is None else function(act)(y)
    return function(act)(y)


def step(cell, h, x):
    """One step: the new state and the output."""
    f = cell.fields
    if cell.short == "RNNCell":
        h = function(f[0])(f[1] @ x + f[2] @ h + left(f[3], x.ndim))
        return h, h
    g, r, b = f[0] @ x, f[1] @ (h[0] if cell.short == "LSTMCell" else h), f[2]
    n = f[1].shape[1]
    b = np.zeros(f[0].shape[0]) if b is False else b
    gate = lambda v, i: v[i * n : (i + 1) * n]
    bias = lambda i: left(gate(b, i), x.ndim)
    if cell.short == "LSTMCell":
        i, forget, o = (sigmoid(gate(g, k) + gate(r, k) + bias(k)) for k in (0, 1, 3))
        new = np.tanh(gate(g, 2) + gate(r, 2) + bias(2))
        c = forget * h[1] + i * new
        out = o * np.tanh(c)
        return (out, c), out
    reset, z = (sigmoid(gate(g, k) + gate(r, k) + bias(k)) for k in (0, 1))
    if cell.short == "GRUv3Cell":
        new = np.tanh(gate(g, 2) + f[3] @ (reset * h) + bias(2))
    else:
        new = np.tanh(gate(g, 2) + reset * gate(r, 2) + bias(2))
    h = (1 - z) * new + z * h
    return h, h


def recur(s, x):
    cell, state = s.fields[0], s.fields[-1]
    each = lambda v: left(v, 2) if x.ndim > 1 else np.asarray(v, "f8").reshape(-1)
    h = tuple(each(v) for v in state) if isinstance(state, tuple) else each(state)
    if x.ndim < 3:
        return step(cell, h, x)[1]
    out = []
    for t in range(x.shape[2]):
        h, y = step(cell, h, x[:, :, t])
        out.append(y)
    return np.stack(out, 2)


def sequence(s, x):
    """Since Flux 0.15: (features, time) or (features, time, batch)."""
    cell = s.fields[0]
    n = cell.fields[2 if cell.short == "RNNCell" else 1].shape[1]
    zeros = np.zeros((n,) + x.shape[2:])
    h = (zeros, zeros) if cell.short == "LSTMCell" else zeros
    out = []
    for t in range(x.shape[1]):
        h, y = step(cell, h, x[:, t])
        out.append(y)
    return np.stack(out, 1)


def join(connection, parts, reader):
    name = connection.short.removeprefix("#")
    if connection.short == "BroadcastFunction":
        name = connection.fields[0].short.removeprefix("#")
    if name == "+":
        return sum(parts[1:], parts[0])
    if name == "*" and connection.short == "BroadcastFunction":
        return math.prod(parts)
    if name == "vcat":
        return np.concatenate(parts, 0)
    if name == "-":
        return parts[0] - parts[1]
    if name == "tuple":
        return tuple(parts)
    if name == "hcat":
        return np.concatenate(parts, 1)
    return forward(connection, tuple(parts), reader)


def nearest(x, scale):
    for axis, n in enumerate(scale):
        x = np.repeat(x, n, axis)
    return x


def between(x, size):
    """Linear interpolation on a grid whose corners are those of x."""
    for axis, n in enumerate(size):
        at = np.linspace(0, x.shape[axis] - 1, n)
        low = np.minimum(at.astype(int), max(x.shape[axis] - 2, 0))
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, x.shape[axis] - 1), axis) * share
    return x


def upsample(s, x, reader):
    n = x.ndim - 2
    scale, size = (s.fields + [None])[:2]
    scale = wide(n, scale) if size is None else None
    if reader.value(s.params[0]) == "nearest":
        return nearest(x, scale or [a // b for a, b in zip(size, x.shape)])
    return between(x, size or [a * b for a, b in zip(scale, x.shape)])


def pixel_shuffle(x, r):
    """Channel c + r·i + r²·j of a block goes to the place i, j between others."""
    n = x.ndim - 2
    out = np.zeros([k * r for k in x.shape[:n]] + [x.shape[n] // r**n, x.shape[-1]])
    for at in indices([r] * n):
        channel = sum(k * r**i for i, k in enumerate(at))
        out[tuple(slice(k, None, r) for k in at)] = x[..., channel :: r**n, :]
    return out


def attention(s, x, reader):
    heads = s.fields[0]
    q, k, v = (forward(p, x, reader) for p in s.fields[1:4])
    size = q.shape[0] // heads
    y, shares = np.zeros((v.shape[0],) + q.shape[1:]), np.zeros((k.shape[1], q.shape[1], heads, q.shape[2]))
    for b in range(q.shape[2]):
        for h in range(heads):
            rows = slice(h * size, (h + 1) * size)
            a = softmax(k[rows, :, b].T @ q[rows, :, b] / math.sqrt(size))  # (keys, queries)
            shares[:, :, h, b], y[rows, :, b] = a, v[rows, :, b] @ a
    return forward(s.fields[5], y, reader), shares


def layers(v):
    return v.fields if isinstance(v, Struct) else v


def forward(s, x, reader):
    """What the layer s makes of x."""
    if isinstance(s, (tuple, list)):
        for inner in s:
            x = forward(inner, x, reader)
        return x
    f, name = s.fields, s.short
    if name == "Chain":
        return forward(layers(f[0]), x, reader)
    if name == "ComposedFunction":
        return forward(f[0], forward(f[1], x, reader), reader)
    if name in ("#cpu", "#gpu"):
        return x
    if name == "#vec":
        return x.ravel(order="F")
    if name == "Upsample":
        return upsample(s, x, reader)
    if name == "PixelShuffle":
        return pixel_shuffle(x, f[0])
    if name == "MultiHeadAttention":
        return attention(s, x, reader)
    if name == "PairwiseFusion":
        ys = []
        for inner in layers(f[1]):
            ys.append(forward(inner, join(f[0], [x, ys[-1]], reader) if ys else x, reader))
        return tuple(ys)
    if name == "Conv2D":
        return function(f[0])(conv(x, f[1], f[2], f[3] if len(f) > 3 else 0, 1, 1, True))
    if name in ("#softmax", "#logsoftmax"):
        return softmax(x) if name == "#softmax" else np.log(softmax(x))
    if name == "#flatten":
        return x.reshape((-1, x.shape[-1]), order="F")
    if name.startswith("#"):
        return function(s)(x)
    if name in ("Fix1", "BroadcastFunction"):
        return function(f[-1])(x)
    if name in ("Dropout", "AlphaDropout"):
        return x
    bias = lambda b, y: y if b is False or isinstance(b, Struct) else y + channelwise(b, y)
    if name == "Dense":
        y = np.tensordot(np.asarray(f[0], "f8"), x, 1)
        return function(f[2])(y if f[1] is False or isinstance(f[1], Struct) else y + left(f[1], y.ndim))
    if name in ("Scale", "Diagonal"):
        y = left(f[0], x.ndim) * x
        y = y if f[1] is False else y + left(f[1], x.ndim)
        return function(f[2])(y) if len(f) > 2 else y
    if name == "Bilinear":
        a, b = x if isinstance(x, tuple) else (x, x)
        y = np.einsum("oij,in,jn->on", f[0], a, b)
        return function(f[2])(y if f[1] is False else y + left(f[1], 2))
    if name == "Embedding":
        return np.asarray(f[0], "f8")[:, x.astype(int) - 1]
    if name == "Conv" or name == "CrossCor":
        dilation, groups = f[5] if len(f) > 5 else 1, f[6] if len(f) > 6 else 1
        return function(f[0])(bias(f[2], conv(x, f[1], f[3], f[4], dilation, groups, name == "Conv")))
    if name == "DepthwiseConv":
        return function(f[0])(bias(f[2], depthwise(x, f[1], f[3], f[4], f[5] if len(f) > 5 else 1)))
    if name == "ConvTranspose":
        outpad, dilation, groups = 0, f[5], f[6] if len(f) > 6 else 1
        if len(f) > 7:
            outpad, dilation, groups = f[5:8]
        return function(f[0])(bias(f[2], conv_transpose(x, f[1], f[3], f[4], outpad, dilation, groups)))
    if name in ("MaxPool", "MeanPool"):
        return pool(x, f[0], f[1], f[2], name == "MaxPool")
    if name in ("GlobalMaxPool", "GlobalMeanPool"):
        axes = tuple(range(x.ndim - 2))
        return (x.max if name == "GlobalMaxPool" else x.mean)(axes, keepdims=True)
    if name in ("AdaptiveMaxPool", "AdaptiveMeanPool"):
        return adaptive(x, f[0], name == "AdaptiveMaxPool")
    if name in ("BatchNorm", "GroupNorm", "InstanceNorm"):
        return norm(s, x, reader)
    if name == "LayerNorm":
        return layer_norm(s, x, reader)
    if name == "SkipConnection":
        return join(f[1], [forward(f[0], x, reader), x], reader)
    if name == "Parallel":
        inner = layers(f[1])
        xs = x if isinstance(x, tuple) else (x,) * len(inner)
        return join(f[0], [forward(l, v, reader) for l, v in zip(inner, xs)], reader)
    if name == "Maxout":
        return np.max([forward(l, x, reader) for l in f[0]], 0)
    if name == "Recur":
        return recur(s, x)
    if name in ("RNN", "LSTM", "GRU", "GRUv3"):
        return sequence(s, x)
    raise ValueError(f"no layer {s.name}")


def run(data, key, *xs):
    """What the model called key in a file makes of its input, or of a tuple."""
    reader = Reader(data)
    xs = tuple(np.asarray(x, "f8") if x.dtype.kind == "f" else x for x in xs)
    return forward(reader.value(reader.root[key]), xs if len(xs) > 1 else xs[0], reader)
