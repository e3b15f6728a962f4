"""What people save beside and instead of a model: values of all kinds, sets of
parameters, optimisers, types of their own. Each file goes with the paths at
which a part of it is refused, which is none where it is data.
"""
import numpy as np

from lower import NOTHING, Dict, Elements, Object, Symbol, Type, Writer, function, named

F32 = Type("Core.Float32")
IDENTITY = Object("Base.#identity")


def tracked(x, part="Tracker"):
    """An array as Tracker has it: what made it, the array, its gradient."""
    grad = np.zeros_like(x)
    tracker = Object(part + ".Tracked", np.uint32(0), Object(part + ".Call", None, ()), True, grad)
    return Object(Type(part + ".TrackedArray", F32, x.ndim, Type("Core.Array", F32, x.ndim)), tracker, x, grad)


def identity_set(items, module):
    return Object(module + ".IdSet", Dict([(x, None) for x in items], Type("Base.IdDict", Type("Core.Any"), Type("Core.Nothing"))))


def files(rand):
    dense = lambda i, o: Object("Flux.Dense", rand(o, i), rand(o), function("NNlib.relu"))
    chain = lambda *ls: Object(Type("Flux.Chain", Type("Core.Tuple", *(Type("Flux.Dense", F32) for _ in ls))), tuple(ls))
    new, old, ancient = Writer(), Writer(shared_types=True), Writer(main=False)
    i64 = Type("Core.Int64")

    yield "data-numbers", new.file(
        small=[np.int8(-3), np.int16(-300), np.int32(70000), np.uint8(200), np.uint16(60000), np.uint32(1 << 31), np.uint64(1 << 63)],
        floats=[np.float16(1.5), np.float32(0.1), 0.1, float("nan"), float("inf")], whole=7, yes=True, none=None,
        missing=Object("Base.Missing"), char=Object("Core.Char", bytes=b"\0\0\0a"), big=Object("Core.Int128", bytes=bytes(16)),
        complex=Object(Type("Base.Complex", Type("Core.Float64")), 1.0, -2.0), ratio=Object(Type("Base.Rational", i64), 1, 3),
        text="wörter", symbol=Symbol("relu"), tuple=(1, "a", Symbol("b")), named=named(a=1, b=(2.5, None)), type=Type("Core.Array", F32, 2),
        pi=Object(Type("Base.Irrational", Symbol("π"))), version=Object("Base.VersionNumber", np.uint32(1), np.uint32(6), np.uint32(0), (), ()),
        day=Object("Dates.Date", Object(Type("Dates.UTInstant", Type("Dates.Day")), Object("Dates.Day", 737000))),
        day6=Object("Base.Dates.DateTime", Object("Base.Dates.UTInstant", Object("Base.Dates.Millisecond", 63650000000000))),
        id=Object("Base.UUID", Object("Core.UInt128", bytes=bytes(range(16)))), colon=Object("Base.Colon"), pair=Object("Base.Pair", "a", 1),
        box=Object(Type("Base.RefValue", F32), np.float32(2)), some=Object("Base.Some", 1), undefined=Object("BSON.Undef"),
        range=Object("Base.UnitRange", 1, 10), steps=Object("Base.StepRangeLen", Object("Base.TwicePrecision", 0.0, 0.0), Object("Base.TwicePrecision", 0.1, 0.0), 11, 1),
        empty=[], nothing={}, loss=function("Flux.Losses.logitcrossentropy"), mean=function("Statistics.mean"),
    ), []

    words = Elements(Type("Core.String"), (2, 2), ["a", "b", "c", "d"])
    loop = {"epoch": 3}
    loop["self"] = loop
    yield "data-arrays", new.file(
        vectors=[rand(3), rand(2), [rand(2), rand(1)]], bytes=np.arange(5, dtype="u1"), ints=np.arange(6, dtype="i4").reshape(2, 3),
        complex=(rand(2, 2) + 1j * rand(2, 2)).astype("c8"), bools=np.array([True, False, True]), scalar=rand(), empty=np.zeros((0, 3), "f4"),
        points=Elements(Type("Core.Tuple", Type("Core.Float64"), Type("Core.Float64")), (3,), np.arange(6.0).tobytes()),
        mixed=Elements(Type("Core.Tuple", i64, F32), (2,), bytes(32)), chars=Elements(Type("Core.Char"), (2,), b"\0\0\0a\0\0\0b"),
        nothings=Elements(Type("Core.Nothing"), (4,), b""), words=words, anything=Elements(Type("Core.Any"), (1, 2), [rand(2), 1]),
        maybe=Elements(Object("Core.Union", Type("Base.Missing"), F32), (2, 1), [Object("Base.Missing"), np.float32(1)]),
        bits=Object("Base.BitArray", np.array([5], "u8"), 3, (3,)), loop=loop,
        sparse=Object(Type("SparseArrays.SparseMatrixCSC", F32, i64), 3, 2, np.array([1, 2, 3]), np.array([1, 3]), rand(2)),
        onehot=Object(Type("OneHotArrays.OneHotArray", Type("Core.UInt32"), 1, 2, Type("Core.Array", Type("Core.UInt32"), 1)), np.array([1, 3], "u4"), 4),
        hot=Object("Flux.OneHotMatrix", 3, [Object("Flux.OneHotVector", np.uint32(1), np.uint32(3))]),
        view=Object("Base.SubArray", rand(4, 2), (Object("Base.Slice", Object("Base.OneTo", 4)), 1), 0, 1),
    ), []

    yield "data-dicts", new.file(
        params=Dict([("W1", rand(2, 3)), ("b1", rand(2))]), numbers=Dict([(1, rand(2)), (2, rand(1))]), symbols={"w": rand(2), "inner": {"v": rand(1)}},
        scores=Dict([("a", 0.5), ("b", 1.5)]), identity=Dict([("x", rand(2))], "Base.IdDict"), seen=Object("Base.Set", Dict([("a", None), ("b", None)])),
        arrays=Dict([(rand(2), "first"), (rand(3), "second")]), layers=Dict([(Symbol("l1"), named(weight=rand(2, 2), bias=False))]),
    ), []

    w, b = rand(3, 2), rand(3)
    ps = [tracked(w), tracked(b)]
    yield "params-tracker", old.file(ps=Object("Tracker.Params", ps, identity_set(ps, "Tracker"))), []
    yield "params-flux6", ancient.file(weights=[tracked(rand(3, 2), "Flux.Tracker"), tracked(rand(3), "Flux.Tracker")]), []
    ps = [rand(3, 2), rand(3)]
    order = Object(Type("Zygote.Buffer", Type("Core.Any"), Type("Core.Array", Type("Core.Any"), 1)), ps, False)
    yield "params-zygote", new.file(weights=Object("Zygote.Params", order, identity_set(ps, "Zygote")), epoch=12, acc=0.98), []
    yield "params-alone", new.file(params=[rand(3, 2), rand(3), rand(1, 3), rand(1)]), []

    # The state of the optimiser has the arrays of the model as its keys.
    w, b = rand(3, 2), rand(3)
    model = chain(Object("Flux.Dense", w, b, function("NNlib.σ")))
    moments = Dict([(w, (rand(3, 2), rand(3, 2), (0.81, 0.998))), (b, (rand(3), rand(3), (0.81, 0.998)))], "Base.IdDict")
    yield "model-and-adam", new.file(model=model, opt=Object("Flux.Optimise.ADAM", 0.001, (0.9, 0.999), moments)), []
    leaf = lambda x: Object("Optimisers.Leaf", Object("Optimisers.Adam", 0.001, (0.9, 0.999), 1e-8), (np.zeros_like(x), np.zeros_like(x), (0.9, 0.999)), False)
    w, b = rand(2, 2), rand(2)
    yield "model-and-state", new.file(
        model=chain(Object("Flux.Dense", w, b, IDENTITY)), state=named(layers=(named(weight=leaf(w), bias=leaf(b), σ=()),)), rng=Object("Random.TaskLocalRNG"),
    ), []
    yield "state-nested", new.file(model_state=named(layers=(
        named(weight=rand(3, 2), bias=rand(3), σ=()), (), named(layers=named(first=named(weight=rand(3, 3), bias=False, σ=()), second=())),
        named(**{"λ": (), "β": rand(3), "γ": rand(3), "μ": rand(3), "σ²": rand(3), "ϵ": np.float32(1e-5), "affine": True, "chs": 3}),
    ))), []

    # Types of whoever saved the file: what they hold is listed, they are named.
    yield "foreign-net", new.file(nn=Object("AlphaGo.NeuralNet", chain(dense(2, 3), dense(3, 2)), chain(dense(2, 1)), None)), ["nn"]
    yield "foreign-in-chain", new.file(m=chain(dense(2, 3), Object("Main.ResidualBlock", (dense(3, 3),), IDENTITY))), ["m.layers[2]"]
    yield "foreign-beside", new.file(args=Object("Main.Args", 0.1, "save", True), model=chain(dense(2, 3))), ["args"]
    yield "foreign-enum", new.file(mode=Object("Main.Mode", bytes=bytes(4)), w=rand(2)), ["mode"]
    yield "foreign-device", new.file(x=Object("CUDA.CuArray", Object("CUDA.DataRef", Object("CUDA.Mem.DeviceBuffer", Object("Core.Ptr", bytes=bytes(8)))), (2, 3))), ["x[1]", "x[1][1]", "x[1][1][1]"]
    yield "own-function", new.file(model=chain(Object("Flux.Dense", rand(2, 2), rand(2), Object("Main.#myrelu")))), ["model.layers[1].σ"]
    yield "shell", new.file(run=Object("Base.Fix1", Object("Base.#run"), Object("Base.Cmd", ["rm"], False, np.uint32(0), None, ""))), ["run[1]", "run[2]"]
