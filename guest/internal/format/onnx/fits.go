package onnx

import "github.com/glovebox-ml/glovebox/guest/internal/scan"

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
