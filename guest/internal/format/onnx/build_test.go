package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// pb is a protobuf message that a test writes field by field.
type pb []byte

func (m pb) num(field protowire.Number, v int64) pb {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(v))
}

func (m pb) float(field protowire.Number, v float32) pb {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), math.Float32bits(v))
}

func (m pb) str(field protowire.Number, s string) pb {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m pb) msg(field protowire.Number, parts ...pb) pb {
	var body pb
	for _, p := range parts {
		body = append(body, p...)
	}
	return m.str(field, string(body))
}

// packed is a packed list of varints.
func (m pb) packed(field protowire.Number, vs ...int64) pb {
	var body pb
	for _, v := range vs {
		body = protowire.AppendVarint(body, uint64(v))
	}
	return m.str(field, string(body))
}

func floats(vs ...float32) string {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}

// modelOf is a model of version 8 with opset 17 and the given graph.
func modelOf(graph pb, more ...pb) pb {
	m := pb{}.num(1, 8).str(2, "test").msg(8, pb{}.num(2, 17))
	for _, x := range more {
		m = append(m, x...)
	}
	return m.msg(7, graph)
}

// portOf is a ValueInfoProto of a tensor. A negative dim is free.
func portOf(name string, elem int64, dims ...int64) pb {
	var shape pb
	for _, d := range dims {
		if d < 0 {
			shape = shape.msg(1, pb{}.str(2, "n"))
		} else {
			shape = shape.msg(1, pb{}.num(1, d))
		}
	}
	return pb{}.str(1, name).msg(2, pb{}.msg(1, pb{}.num(1, elem).msg(2, shape)))
}

// nodeOf is a NodeProto called like its operator.
func nodeOf(op string, in, out []string, attrs ...pb) pb {
	var n pb
	for _, s := range in {
		n = n.str(1, s)
	}
	for _, s := range out {
		n = n.str(2, s)
	}
	n = n.str(3, op+"_node").str(4, op)
	for _, a := range attrs {
		n = n.msg(5, a)
	}
	return n
}

func intAttr(name string, v int64) pb { return pb{}.str(1, name).num(3, v).num(20, attrInt) }

func graphAttr(name string, g pb) pb { return pb{}.str(1, name).msg(6, g).num(20, attrGraph) }

func tensorAttr(name string, t pb) pb { return pb{}.str(1, name).msg(5, t).num(20, attrTensor) }

// rawOf is a TensorProto of float32.
func rawOf(name string, dims []int64, raw string) pb {
	return pb{}.packed(1, dims...).num(2, 1).str(8, name).str(9, raw)
}

// addGraph is y = x + w with three floats.
func addGraph() pb {
	return pb{}.
		msg(1, nodeOf("Add", []string{"x", "w"}, []string{"y"})).
		str(2, "add").
		msg(5, rawOf("w", []int64{3}, floats(1, 2, 3))).
		msg(11, portOf("x", 1, -1, 3)).
		msg(12, portOf("y", 1, -1, 3))
}
