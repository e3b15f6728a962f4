package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Read lists the initializers of the graph in blob 1, the model.
func Read(box abi.Box, h abi.Handle, f *weights.File) {
	p := &parser{box: box}
	m := newModel(h)
	p.model(m, scan.Open(box, h).All())
	p.rewrite()
	f.Format, f.Version = "onnx", fmt.Sprint(m.ir)
	for _, t := range m.graph.initializers {
		if t.reason != "" {
			f.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: t.offset, Node: t.name, Text: "a tensor of " + t.reason})
			continue
		}
		f.Tensors = append(f.Tensors, weights.Tensor{
			Name: t.name, DType: t.typ.DType, Shape: t.typ.Shape(), Blob: t.blob, At: t.at, Size: t.typ.Bytes(),
		})
	}
}
