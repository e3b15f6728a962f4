package format

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/export"
	"github.com/glovebox-ml/glovebox/guest/internal/format/arch"
	"github.com/glovebox-ml/glovebox/guest/internal/format/flux"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Export reads what the host opened and gives it as a model that writes it in
// the format which task names.
func Export(box abi.Box, task abi.Task) Model {
	switch task & abi.TaskBits {
	case abi.TaskONNX:
		return export.ONNX(box, network(box, task))
	case abi.TaskSafetensors:
		return export.Safetensors(box, tensors(box))
	case abi.TaskNPZ:
		return export.NPZ(box, tensors(box))
	case abi.TaskArchitecture:
		f := export.New(box)
		f.Write(architecture(box, task))
		return f.Close()
	}
	scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: "no such task"})
	return nil
}

// network is the network of layers that the host opened.
func network(box abi.Box, task abi.Task) layer.Network {
	f := recognise(box, 1)
	if f == nil || f.network == nil {
		what := "an ONNX model"
		if f != nil {
			what = f.name
		}
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: 0, Text: what + " holds no network of layers that are known"})
	}
	return f.network(box, task, Weights)
}

// architecture describes the network that the host opened.
func architecture(box abi.Box, task abi.Task) []byte {
	c := scan.Open(box, 1).All()
	if !fitsBSON(c) {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: 0, Text: "the architecture of a Flux model can be written, and of no other file"})
	}
	n, arrays := flux.Architecture(box, task)
	names := map[int64]string{}
	for _, a := range arrays {
		names[a.At] = a.Name
	}
	return arch.Write(n, func(w *layer.Weight) string { return names[w.Offset] })
}

// tensors are those of the file that the host opened.
func tensors(box abi.Box) *weights.File {
	if recognise(box, 1) == nil {
		return weights.Load(box, 1, onnx.Read)
	}
	return Weights(box, 1)
}
