"""Writes the hostile models of this folder, each named for its lie.

They are valid ONNX: what they ask for is the attack. Run by hand; the results
are committed:

    pip install numpy==2.4.6 onnx==1.23.2
    python testdata/hostile/onnx/make.py
"""

import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
HUGE = 2**40


def const(name, *values, dtype=np.int64):
    return numpy_helper.from_array(np.array(values if len(values) != 1 else values[0], dtype), name)


def vector(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, weights, shape=("n",), extra=()):
    graph = helper.make_graph(nodes, "g", [info("x", list(shape)), *extra], [info("y", None)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with open(os.path.join(HERE, name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString(deterministic=True))


def loop(name, *body):
    """y = x after 2^62 turns of body, which makes co and vo of i, c and v."""
    graph = helper.make_graph(
        list(body), "body",
        [info("i", [], TensorProto.INT64), info("c", [], TensorProto.BOOL), info("v", None)],
        [info("co", [], TensorProto.BOOL), info("vo", None)],
    )
    weights = [const("m", 2**62), numpy_helper.from_array(np.array(True), "t")]
    save(name, [helper.make_node("Loop", ["m", "t", "x"], ["y"], body=graph)], weights)


def node(op, ins, outs, **attrs):
    return helper.make_node(op, ins, outs, **attrs)


same = node("Identity", ["c"], ["co"])
# A condition that only the data decides, and that always holds.
decide = [node("ReduceMax", ["v"], ["s"], keepdims=0), node("Equal", ["s", "s"], ["e"]), node("Or", ["e", "c"], ["co"])]

loop("loop-forever", same, node("Identity", ["v"], ["vo"]))
loop("loop-forever-adding", same, node("Add", ["v", "v"], ["vo"]))
loop("loop-forever-on-data", *decide, node("Mul", ["v", "v"], ["vo"]))
loop("loop-doubles", same, node("Concat", ["v", "v"], ["vo"], axis=0))
loop("loop-doubles-on-data", *decide, node("Concat", ["v", "v"], ["vo"], axis=0))

save("expand-huge", [node("Expand", ["x", "s"], ["y"])], [vector("s", HUGE)], [1])
save("constant-of-shape-huge", [node("ConstantOfShape", ["s"], ["z"]), node("Add", ["z", "x"], ["y"])], [vector("s", HUGE)], [1])
save("tile-huge", [node("Tile", ["x", "s"], ["y"])], [vector("s", HUGE)], [1])
save("range-huge", [node("Range", ["a", "s", "b"], ["r"]), node("Cast", ["r"], ["z"], to=1), node("Add", ["z", "x"], ["y"])],
     [const("a", 0), const("s", HUGE), const("b", 1)], [1])
save("resize-huge", [node("Reshape", ["x", "r"], ["q"]), node("Resize", ["q", "", "", "s"], ["y"], mode="nearest")],
     [vector("r", 1, 1, 1, 1), vector("s", 1, 1, 2**20, 2**20)], [1])
save("matmul-cubed", [node("Expand", ["x", "s"], ["a"]), node("MatMul", ["a", "a"], ["y"])], [vector("s", 65536, 65536)], [1])
save("matmul-long", [node("Expand", ["x", "s"], ["a"]), node("MatMul", ["a", "a"], ["y"])], [vector("s", 6144, 6144)], [1])
