package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"google.golang.org/protobuf/encoding/protowire"
)

// graphField is the number of the graph in a ModelProto.
const graphField = 7

// Fits reports whether the fields of a model fill a file, one of them a graph.
// A protobuf message has no magic bytes, so this is all there is to tell it by.
func Fits(c scan.Cursor) bool {
	graph := false
	fault := scan.Catch(func() {
		for f := range modelMessage.fields(c) {
			graph = graph || f.number == graphField
		}
	})
	return fault == nil && graph
}

// Looks reports whether a file begins with a field of a model. Where it does
// not, its reader has nothing to say of it.
func Looks(c scan.Cursor) (ok bool) {
	m := &modelMessage
	scan.Catch(func() {
		num, typ := c.Tag()
		ok = num < 64 && (m.single|m.repeated|m.passed)&(1<<num) != 0 &&
			(typ == protowire.VarintType || typ == protowire.BytesType || typ == protowire.Fixed32Type || typ == protowire.Fixed64Type)
	})
	return ok
}
