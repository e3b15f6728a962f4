"""Layers that came later or went early, and networks of several inputs or
results, each with its input.
"""
import numpy as np

from lower import Object, Symbol, Type, Writer, function, named
from structures import tracked

IDENTITY = function("Base.identity")
RELU = function("NNlib.relu")

MORE = "Base.atan Base.tan Base.sinh Base.cosh Base.asinh Base.sign Base.- Base.cos Base.exp Base.abs NNlib.rrelu NNlib.gelu_erf NNlib.gelu_tanh".split()
MORE += "NNlib.gelu_sigmoid SpecialFunctions.erf NNlib.sigmoid Base.Math.tanh NNlib.logsigmoid NNlib.hardsigmoid NNlib.thresholdrelu".split()


def models(rand, positive):
    new, old, ancient = Writer(), Writer(shared_types=True), Writer(main=False)
    dense = lambda i, o, act=IDENTITY: Object("Flux.Dense", rand(o, i), rand(o), act)
    chain = lambda *ls: Object("Flux.Chain", tuple(ls))
    conv = lambda i, o: Object("Flux.Conv", IDENTITY, rand(1, 1, i, o), rand(o), (1, 1), (0, 0, 0, 0), (1, 1), 1)
    up = lambda mode, *fields: Object(Type("Flux.Upsample", Symbol(mode), Type("Core.Int64"), Type("Core.Nothing")), *fields)
    x, image = rand(5, 3), rand(4, 3, 2, 2)

    yield "upsample", new.file(model=chain(conv(2, 3), up("nearest", 2, None), up("bilinear", (2, 3), None), up("bilinear", None, (5, 7)))), image
    yield "upsample-line", new.file(model=chain(up("nearest", (3,), None), Object("Flux.MeanPool", (2,), (0, 0), (2,)))), rand(4, 2, 2)
    yield "pixel-shuffle", new.file(model=chain(conv(2, 12), Object("Flux.PixelShuffle", 2))), image
    yield "pixel-shuffle-volume", new.file(model=chain(Object("Flux.PixelShuffle", 2), Object("Flux.GlobalMaxPool"))), rand(2, 3, 2, 8, 1)
    acts = [function(f) for f in MORE]
    acts += [Object("Base.Fix2", function("NNlib." + f), np.float32(a)) for f, a in (("leakyrelu", 0.2), ("elu", 0.5), ("celu", 2), ("softshrink", 0.1), ("trelu", 0.3))]
    yield "functions-more", new.file(model=Object("Flux.Parallel", function("Base.vcat"), tuple(dense(5, 2, f) for f in acts))), x
    yield "functions-inv", new.file(model=chain(dense(5, 4, RELU), Object("Flux.Dense", positive(3, 4), positive(3), function("Base.inv")))), x
    yield "composed", new.file(model=Object("Base.ComposedFunction", function("NNlib.softmax"), chain(
        dense(5, 4), Object("Base.ComposedFunction", Object("Base.Fix1", function("Base.map"), function("Base.tanh")), function("NNlib.relu")),
    ))), x
    yield "vector-result", new.file(model=chain(function("Flux.cpu"), dense(5, 1), function("Base.vec"))), x
    twice = dense(5, 5, RELU)
    yield "dense-shared", new.file(model=chain(twice, twice, Object("Flux.SkipConnection", twice, function("Base.-")))), x
    yield "dense-flux6", ancient.file(model=Object("Flux.Chain", [
        Object("Flux.Dense", tracked(rand(4, 5), "Flux.Tracker"), tracked(rand(4), "Flux.Tracker"), function("NNlib.σ")), function("NNlib.softmax"),
    ])), x
    yield "dense-types", old.file(model=Object(Type("Flux.Chain", Type("Core.Tuple", Type("Flux.Dense", Type("Core.Float32")))), (dense(5, 2),))), x
    yield "conv-early", ancient.file(model=Object("Flux.Chain", [Object("Flux.Conv2D", RELU, tracked(rand(3, 2, 2, 3), "Flux.Tracker"), 2, 1)])), rand(6, 5, 2, 2)
    yield "conv-flux8", old.file(model=chain(
        Object("Flux.Conv", RELU, tracked(rand(3, 3, 2, 4)), tracked(rand(4)), (1, 2), (1, 0), (1, 1)), Object("Flux.MaxPool", (2, 1), (0, 0), (2, 1)),
        Object("Flux.DepthwiseConv", RELU, rand(2, 1, 2, 4), rand(8), (1, 1), (1, 0)),
    )), rand(6, 7, 2, 2)
    late = lambda name, n, affine, track: Object(
        "Flux." + name, RELU, *((rand(n), rand(n)) if affine else (None, None)), *((rand(n), positive(n)) if track else (None, None)),
        np.float32(1e-5), np.float32(0.1), affine, track, None, n)
    yield "norm-tracked", new.file(model=chain(
        late("InstanceNorm", 3, True, True), late("InstanceNorm", 3, False, False), late("BatchNorm", 3, False, True),
    )), rand(4, 5, 3, 2)
    yield "norm-instance-early", old.file(model=chain(
        Object("Flux.InstanceNorm", RELU, rand(3), rand(3), rand(3), positive(3), np.float32(1e-5), np.float32(0.1), True))), rand(4, 5, 3, 2)
    diagonal = lambda: Object("Flux.Diagonal", rand(5), rand(5))
    yield "norm-layer-flux12", new.file(model=chain(
        Object("Flux.LayerNorm", RELU, diagonal(), np.float32(1e-3), (5,), True), Object("Flux.LayerNorm", IDENTITY, None, np.float32(1e-3), (5,), False),
    )), 0.02 * x
    yield "norm-layer-flux10", new.file(model=chain(Object("Flux.LayerNorm", diagonal()))), x
    yield "norm-layer-plain", new.file(model=chain(Object("Flux.LayerNorm", IDENTITY, IDENTITY, np.float32(1e-5), (5,), False))), x
    state = rand(4)
    yield "recur-rnn-identity", old.file(model=chain(Object("Flux.Recur", Object("Flux.RNNCell", IDENTITY, rand(4, 5), 0.3 * rand(4, 4), rand(4), state), state, rand(4, 3)))), x
    yield "recur-plain-bias", new.file(model=Object(Type("Flux.GRU", False, Type("Flux.GRUCell")), Object("Flux.GRUCell", rand(9, 5), rand(9, 3), False))), rand(5, 4, 2)
    yield "dropouts", new.file(model=chain(
        Object("Flux.Dropout", 0.5, Object("Base.Colon"), None, Object("Random.TaskLocalRNG")), dense(5, 2), Object("Flux.AlphaDropout", 0.1, None, Object("Random._GLOBAL_RNG")),
    )), x


def several(rand):
    """Networks with lists of inputs, whose results are lists."""
    new = Writer()
    dense = lambda i, o, act=IDENTITY: Object("Flux.Dense", rand(o, i), rand(o) if o > 1 else False, act)
    chain = lambda *ls: Object("Flux.Chain", tuple(ls))
    plain = lambda n: Object("Flux.Dense", rand(n, n), False, IDENTITY)
    yield "several-heads", new.file(model=chain(dense(4, 5, RELU), Object("Flux.Parallel", function("Core.tuple"), named(policy=chain(dense(5, 3), function("NNlib.softmax")), value=dense(5, 1, function("Base.tanh")))))), [rand(4, 3)]
    yield "several-inputs", new.file(model=chain(Object("Flux.Parallel", function("Base.vcat"), (dense(4, 2), dense(3, 2))), dense(4, 2))), [rand(4, 3), rand(3, 3)]
    yield "several-bilinear", new.file(model=Object("Flux.Bilinear", rand(2, 4, 3), rand(2), RELU)), [rand(4, 3), rand(3, 3)]
    yield "several-fusion", new.file(model=Object("Flux.PairwiseFusion", function("Base.+"), (dense(4, 4), dense(4, 4), dense(4, 2)))), [rand(4, 3)]
    yield "several-attention", new.file(model=Object("Flux.MultiHeadAttention", 2, plain(6), plain(6), plain(6), Object("Flux.Dropout", 0.0, Object("Base.Colon"), None), dense(6, 3))), [rand(6, 4, 2)]
