// Package decode reads one value from a file: an image, a numpy array or an
// ONNX TensorProto. It runs in a box of its own that has never seen a model.
package decode

import (
	"bytes"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/npy"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Value is what was read. Its bytes are those of the file, or of a blob that
// was written while it was decoded: a tensor is only a view of them.
type Value struct{ tensor abi.Handle }

// Blobs of the task.
const (
	fileBlob = 1
	specBlob = 2
)

// Load decodes blob 1 and declares output port 0 with its type.
func Load(box abi.Box) *Value {
	c := scan.Open(box, fileBlob).All()
	head := c.Peek(16)
	var t onnx.Tensor
	if codec := recognise(head); codec != nil {
		t = readImage(box, c, codec, readSpec(box))
	} else if bytes.HasPrefix(head, []byte(npy.Magic)) {
		array := npy.ReadArray(c)
		t.Type = array.Type()
		t.Blob, t.At = array.RowMajor(box)
	} else {
		fault := scan.Catch(func() { t = onnx.ReadTensor(box, fileBlob) })
		if fault != nil && fault.Kind == abi.FaultMalformed && fault.Offset == 0 {
			fault.Text = "it is no PNG, JPEG, GIF, BMP or WebP image and no npy; as an ONNX TensorProto: " + fault.Text
		}
		if fault != nil {
			scan.Refuse(*fault)
		}
	}
	port := abi.Port{Output: true, Ranked: true, DType: uint8(t.Type.DType), Name: "value"}
	for _, d := range t.Type.Shape() {
		port.Dims = append(port.Dims, abi.PortDim{Size: d})
	}
	if e := box.PortDeclare(abi.AppendPort(nil, port)); e != abi.OK {
		refuse(abi.FaultUnsupported, "the value cannot be declared: %v", e)
	}
	h, e := box.TensorConst(t.Blob, t.At, t.Type)
	if e != abi.OK {
		refuse(abi.FaultUnsupported, "no tensor of %s: %v", t.Type, e)
	}
	return &Value{h}
}

// Run gives the value.
func (v *Value) Run(box abi.Box) {
	if e := box.RunOutput(0, v.tensor); e != abi.OK {
		refuse(abi.FaultUnsupported, "the value cannot be given: %v", e)
	}
}

func refuse(kind abi.FaultKind, format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: kind, Blob: fileBlob, Offset: -1, Text: fmt.Sprintf(format, args...)})
}

// write makes a blob of p.
func write(box abi.Box, p []byte) abi.Handle {
	h, e := box.BlobNew(int64(len(p)))
	if e != abi.OK {
		refuse(abi.FaultUnsupported, "%d bytes: %v", len(p), e)
	}
	const piece = 64 << 10
	for off := 0; off < len(p); off += piece {
		if e := box.BlobWrite(h, int64(off), p[off:min(off+piece, len(p))]); e != abi.OK {
			refuse(abi.FaultUnsupported, "%d bytes: %v", len(p), e)
		}
	}
	return h
}
