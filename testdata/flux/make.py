"""Writes the small Flux models here, golden.json, which says what they give,
and arrays.json, the arrays that published files hold and those of structures.py,
and refused.json, the parts of the latter that are refused.

Run by hand, in this folder, with the models that are published elsewhere as an
argument: python make.py ../../../shared/models

The files are what BSON.jl writes for the layers of several versions of Flux;
the numbers in them are random. What a model gives is worked out by reference.py
from the bytes of the file, never from what was put in.
"""
import hashlib
import json
import pathlib
import sys

import numpy as np

import eras
import reading
import reference
import structures
from lower import document

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(7)


def datatype(name, *params):
    return {"tag": "datatype", "params": list(params), "name": name.split(".")}


def struct_(name, *fields, params=()):
    return {"tag": "struct", "type": datatype(name, *params), "data": list(fields)}


def tuple_(*items):
    return {"tag": "tuple", "data": list(items)}


def symbol(name):
    return {"tag": "symbol", "name": name}


def named(**fields):
    names = tuple_(*(symbol(k) for k in fields))
    return struct_("Core.NamedTuple", *fields.values(), params=[names, datatype("Core.Tuple")])


def array(x):
    name = {"f2": "Float16", "f4": "Float32", "f8": "Float64"}[x.dtype.str[1:]]
    return {"tag": "array", "type": datatype("Core." + name), "size": list(x.shape), "data": x.tobytes(order="F")}


def rand(*shape, kind="f4"):
    return array(random.normal(size=shape).astype(kind))


def positive(*shape):
    return array(random.uniform(0.5, 2, size=shape).astype("f4"))


def f32(x):
    return {"tag": "struct", "type": datatype("Core.Float32"), "data": np.float32(x).tobytes()}


def fn(name):
    module, _, last = name.rpartition(".")
    return struct_(f"{module}.#{last}")


IDENTITY, RELU, TANH, SIGMOID = fn("Base.identity"), fn("NNlib.relu"), fn("Base.tanh"), fn("NNlib.σ")
INT = 'Core.Int64'


def dense(i, o, act=IDENTITY, bias=True, kind="f4"):
    return struct_("Flux.Dense", rand(o, i, kind=kind), rand(o, kind=kind) if bias else False, act)


def chain(*ls):
    return struct_("Flux.Chain", tuple_(*ls))


def conv(name, k, i, o, act=IDENTITY, stride=1, pad=0, dilation=1, groups=None, bias=True):
    n = len(k)
    t = lambda v: tuple_(*(v if isinstance(v, tuple) else (v,) * n))
    p = tuple_(*(pad if isinstance(pad, tuple) else (pad,) * (2 * n)))
    fields = [act, rand(*k, i // (groups or 1), o), rand(o) if bias else False, t(stride), p, t(dilation)]
    return struct_("Flux." + name, *fields, *([groups] if groups else []))


def batch_norm(n, act=IDENTITY, affine=True, track=True):
    return struct_(
        "Flux.BatchNorm", act, rand(n) if affine else None, rand(n) if affine else None, rand(n) if track else None,
        positive(n) if track else None, f32(1e-5), f32(0.1), affine, track, None, n,
    )


def group_norm(n, groups, act=IDENTITY):
    return struct_("Flux.GroupNorm", groups, act, rand(n), rand(n), None, None, f32(1e-5), f32(0.1), True, False, None, n)


def cell(kind, i, o, *state):
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind]
    act = [TANH] if kind == "RNN" else []
    return struct_(f"Flux.{kind}Cell", *act, rand(gates * o, i), rand(gates * o, o), rand(gates * o), *state)


def images(*shape):
    return random.normal(size=shape).astype("f4")


def rand32(*shape):
    return np.asarray(random.normal(size=shape).astype("f4"))


def tracked(x):
    """An array as Tracker wrapped it, with its gradient."""
    inner = array(x)
    call = struct_("Tracker.Call", None, tuple_())
    count = {"tag": "struct", "type": datatype("Core.UInt32"), "data": bytes(4)}
    tracker = struct_("Tracker.Tracked", count, call, True, array(np.zeros_like(x)))
    return struct_("Tracker.TrackedArray", tracker, inner, array(np.zeros_like(x)))


FUNCTIONS = (
    "NNlib.relu relu6 leakyrelu σ sigmoid_fast hardσ logσ hardtanh elu selu celu gelu swish hardswish lisht mish softplus softsign "
    "tanhshrink softshrink trelu logcosh tanh_fast"
).removeprefix("NNlib.").split()


def models():
    """Each model with its input."""
    x = images(5, 3)
    yield "dense-named", struct_("Flux.Chain", named(one=dense(5, 4, RELU), two=dense(4, 2, bias=False))), x
    yield "dense-vector", struct_("Flux.Chain", [dense(5, 4, SIGMOID), dense(4, 2, TANH)]), x
    yield "dense-half", chain(dense(5, 4, RELU, kind="f2")), x.astype("f2")
    yield "dense-double", chain(dense(5, 4, RELU, kind="f8"), fn("NNlib.logsoftmax")), x.astype("f8")
    w, b = random.normal(size=(4, 5)).astype("f4"), random.normal(size=4).astype("f4")
    yield "dense-tracked", chain(struct_("Flux.Dense", tracked(w), tracked(b), RELU)), x
    layers = []
    for name in FUNCTIONS:
        layers.append(dense(5, 3, fn("NNlib." + name)))
    yield "functions", struct_("Flux.Parallel", fn("Base.vcat"), tuple_(*layers)), 2 * x
    yield "functions-as-layers", chain(
        dense(5, 5), RELU, struct_("Base.Fix1", fn("Base.broadcast"), TANH),
        struct_("Base.Broadcast.BroadcastFunction", fn("Base.abs2")), IDENTITY,
    ), x
    yield "joins", chain(
        struct_("Flux.SkipConnection", dense(5, 5, RELU), fn("Base.+")),
        struct_("Flux.SkipConnection", dense(5, 3), fn("Base.vcat")),
        struct_("Flux.Parallel", struct_("Base.Broadcast.BroadcastFunction", fn("Base.*")), tuple_(dense(8, 4), dense(8, 4))),
        struct_("Flux.Maxout", tuple_(dense(4, 3), dense(4, 3), dense(4, 3))),
        struct_("Flux.SkipConnection", dense(3, 2), struct_("Flux.Bilinear", rand(4, 2, 3), rand(4), TANH)),
        struct_("Flux.Bilinear", rand(2, 4, 4), False, IDENTITY),
    ), x
    yield "scale", chain(
        struct_("Flux.Scale", rand(5), rand(5), RELU), struct_("Flux.Diagonal", rand(5), rand(5)), struct_("Flux.Scale", rand(5), False, IDENTITY),
    ), x
    yield "embedding", chain(struct_("Flux.Embedding", rand(4, 7)), dense(4, 2)), np.array([[1, 7], [3, 2], [5, 5]])
    image = images(8, 7, 3, 2)
    yield "conv", chain(conv("Conv", (3, 2), 3, 4, RELU, stride=(2, 1), pad=(1, 0, 2, 1)), conv("Conv", (2, 2), 4, 2, dilation=2, bias=False)), image
    yield "conv-groups", chain(conv("Conv", (3, 3), 3, 6, pad=1, groups=3), conv("Conv", (1, 1), 6, 4, groups=2)), image
    yield "conv-cross", chain(conv("CrossCor", (3, 2), 3, 4, TANH, pad=1)), image
    yield "conv-depthwise", chain(
        struct_("Flux.DepthwiseConv", RELU, rand(3, 2, 2, 3), rand(6), tuple_(1, 2), tuple_(1, 1, 0, 0), tuple_(1, 1)),
    ), image
    yield "conv-transpose", chain(
        struct_("Flux.ConvTranspose", IDENTITY, rand(3, 2, 4, 3), rand(4), tuple_(2, 2), tuple_(1, 0, 1, 1), tuple_(1, 1)),
        struct_("Flux.ConvTranspose", RELU, rand(2, 2, 1, 4), rand(2), tuple_(2, 1), tuple_(0, 0), tuple_(1, 0), tuple_(1, 2), 2),
    ), images(4, 5, 3, 2)
    yield "conv-line", chain(conv("Conv", (3,), 2, 3, RELU, pad=1), struct_("Flux.MaxPool", tuple_(2), tuple_(0, 0), tuple_(2))), images(9, 2, 2)
    yield "conv-volume", chain(conv("Conv", (2, 2, 2), 2, 3), struct_("Flux.GlobalMeanPool")), images(4, 3, 5, 2, 2)
    pools = lambda name: struct_("Flux." + name, tuple_(3, 2), tuple_(1, 0, 0, 1), tuple_(2, 1))
    yield "pools", chain(pools("MaxPool"), pools("MeanPool")), images(9, 9, 2, 2)
    yield "pools-global", struct_("Flux.Parallel", fn("Base.hcat"), tuple_(struct_("Flux.GlobalMaxPool"), struct_("Flux.GlobalMeanPool"))), image
    yield "pools-adaptive", chain(struct_("Flux.AdaptiveMaxPool", tuple_(5, 3)), struct_("Flux.AdaptiveMeanPool", tuple_(2, 3)), fn("MLUtils.flatten")), image
    yield "norm-batch", chain(batch_norm(3, RELU), batch_norm(3, affine=False), batch_norm(3, track=False)), image
    yield "norm-batch-early", chain(struct_("Flux.BatchNorm", RELU, rand(3), rand(3), rand(3), positive(3), f32(1e-5), f32(0.1), None)), image
    yield "norm-batch-deviation", chain(struct_("Flux.BatchNorm", RELU, rand(3), rand(3), rand(3), positive(3), 1e-8, 0.1, False)), image
    yield "norm-group", chain(conv("Conv", (1, 1), 3, 6), group_norm(6, 2, RELU)), image
    yield "norm-group-early", chain(
        conv("Conv", (1, 1), 3, 6),
        struct_("Flux.GroupNorm", 2, IDENTITY, rand(6), rand(6), rand(2, 1), positive(2, 1), f32(1e-5), f32(0.1), None),
    ), image
    yield "norm-instance", chain(struct_("Flux.InstanceNorm", RELU, rand(3), rand(3), None, None, f32(1e-5), f32(0.1), True, False, None, 3)), image
    yield "norm-layer", chain(
        struct_("Flux.LayerNorm", RELU, struct_("Flux.Scale", rand(5), rand(5), RELU), f32(1e-5), tuple_(5), True),
        struct_("Flux.LayerNorm", TANH, struct_("Base.Fix1", fn("Base.broadcast"), TANH), f32(1e-5), tuple_(5), False),
        struct_("Flux.LayerNorm", struct_("Flux.Diagonal", rand(5), rand(5))),
        struct_("Flux.Dropout", 0.5, struct_("Core.Colon"), None), struct_("Flux.AlphaDropout", 0.5, True),
    ), x
    yield "norm-layer-image", chain(
        struct_("Flux.LayerNorm", IDENTITY, struct_("Flux.Scale", rand(8, 7), rand(8, 7), IDENTITY), f32(1e-5), tuple_(8, 7), True),
    ), image
    line = images(4, 3, 6)
    for kind in ("RNN", "LSTM", "GRU"):
        state = tuple_(rand(5, 1), rand(5, 1)) if kind == "LSTM" else rand(5, 1)
        low = kind.lower()
        yield f"recur-{low}", chain(struct_("Flux.Recur", cell(kind, 4, 5, state), state), dense(5, 2)), line
        early = [rand(5), rand(5)] if kind == "LSTM" else [rand(5)]
        now = tuple_(*early) if kind == "LSTM" else early[0]
        yield f"recur-{low}-early", chain(struct_("Flux.Recur", cell(kind, 4, 5, *early), now, now), dense(5, 2)), images(4, 3)
        yield f"sequence-{low}", chain(struct_("Flux." + kind, cell(kind, 4, 5), params=[False])), line
    yield "recur-gru-v3", chain(
        struct_("Flux.Recur", struct_("Flux.GRUv3Cell", rand(15, 4), rand(10, 5), rand(15), rand(5, 5), rand(5, 1)), rand(5, 1)),
    ), line
    early = struct_("Flux.Tracker.TrackedArray", struct_("Base.RefValue", 0), struct_("Flux.Tracker.Call", None, tuple_()), rand(2, 4), struct_("Base.RefValue", rand(2, 4)))
    yield "dense-wrapped", chain(
        struct_("Flux.Dense", struct_("LinearAlgebra.Adjoint", rand(5, 4)), struct_("CuArrays.CuArray", 0, rand(4)), TANH),
        struct_("Flux.Dense", early, struct_("Flux.Zeros"), IDENTITY),
    ), x
    yield "sequence-one", chain(struct_("Flux.LSTM", cell("LSTM", 4, 5), params=[False])), images(4, 6)


# Published models that run, and the variable that each is in.
PUBLISHED = {
    "flux/chain-dense-softmax.bson": ("model", (10, 4), "f4"),
    "flux/cnn-5conv-2dense.bson": ("model2dcnn", (4, 4, 1, 3), "f4"),
    "flux/ppo-pendulum-value.bson": ("value_net", (3, 4), "f4"),
    "flux/ssvlearn-float64.bson": ("modelSSV", (6, 4), "f8"),
    "flux/ssvlearn.bson": ("model", (6, 4), "f4"),
    "alphago-bson/agz_base.bson": ("bn", (3, 2, 17, 1), "f4"),
}


def pack(v):
    return {"dtype": v.dtype.name, "shape": list(v.shape), "values": [float(f"{e:.9g}") for e in v.ravel()]}


def golden(data, key, x):
    return {"x": pack(x), "y": pack(reference.run(data, key, x))}


def write(name, rows):
    (HERE / name).write_text(json.dumps(rows, separators=(",", ":")).replace('},"', '},\n"') + "\n")


def listing(data):
    """What an inspection has to find: type, dims and the hash of the bytes of each array."""
    rows = [[a.dtype.name, list(a.shape), hashlib.sha256(a.tobytes(order="F")).hexdigest()] for a in reading.Reader(data).arrays()]
    return sorted(rows, key=lambda r: (r[2], r[1]))


def main():
    out = {}
    for name, model, x in models():
        data = document({"model": model})
        (HERE / f"{name}.bson").write_bytes(data)
        out[name] = golden(data, "model", x)
    for name, (key, shape, kind) in PUBLISHED.items() if len(sys.argv) > 1 else ():
        data = (pathlib.Path(sys.argv[1]) / name).read_bytes()
        out[name] = golden(data, key, random.normal(size=shape).astype(kind))
    if len(sys.argv) > 1:
        shared = pathlib.Path(sys.argv[1]).parent
        files = [f for folder in ("models/flux", "models/alphago-bson", "conformance/bson") for f in sorted((shared / folder).glob("*.bson"))]
        rows = {str(f.relative_to(shared)): listing(f.read_bytes()) for f in files}
        refused = {}
        for name, data, parts in structures.files(rand32):
            (HERE / f"{name}.bson").write_bytes(data)
            rows[name + ".bson"], refused[name + ".bson"] = listing(data), parts
        (HERE / "refused.json").write_text(json.dumps(refused, indent=0, ensure_ascii=False) + "\n")
        (HERE / "arrays.json").write_text(json.dumps(rows, separators=(",", ":")).replace(']],"', ']],\n"') + "\n")
    for name, data, x in eras.models(rand32, lambda *shape: random.uniform(0.5, 2, size=shape).astype("f4")):
        (HERE / f"{name}.bson").write_bytes(data)
        out[name] = golden(data, "model", x)
    write("golden.json", out)
    several = {}
    for name, data, xs in eras.several(rand32):
        (HERE / f"{name}.bson").write_bytes(data)
        ys = reference.run(data, "model", *xs)
        several[name] = {"xs": [pack(x) for x in xs], "ys": [pack(y) for y in (ys if isinstance(ys, tuple) else [ys])]}
    write("several.json", several)


if __name__ == "__main__":
    main()
