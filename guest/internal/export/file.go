// Package export writes files: ONNX models of networks, and safetensors and
// npz files of tensors. The same input gives the same bytes.
//
// Weights never enter the guest. A file is a list of pieces, some of them text
// that was written here, the others ranges of the blobs that were read. A
// tensor program puts them together, and the host gets one tensor of bytes.
package export

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

const (
	// maxPieces leaves room beside them among the tensors of a guest.
	maxPieces = abi.MaxTensors / 2
	// maxText bounds what is written here: headers and nodes, not weights.
	maxText = 256 << 20
	// maxJoined is how many pieces one op joins.
	maxJoined = 1024
)

// File is a file that is being written, and when it is closed a model without
// inputs that gives it.
type File struct {
	box    abi.Box
	text   []byte
	pieces []piece
	size   int64
}

// piece is the bytes of dims in a blob, or in the text of the file. In what
// order they are is said as by a layer.Weight, with a last dim for the bytes of
// an element.
type piece struct {
	blob  abi.Handle // 0: the text
	off   int64
	dims  []int64
	moved *layer.Weight // nil: as they lie
	bytes *trace.Constant
}

func refuse(format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: -1, Text: fmt.Sprintf(format, args...)})
}

// New begins a file.
func New(box abi.Box) *File { return &File{box: box} }

func (f *File) add(p piece) {
	n := tensor.Product(p.dims)
	if n > tensor.MaxBytes-f.size {
		refuse("a file of over %d bytes", int64(tensor.MaxBytes))
	}
	f.size += n
	if k := len(f.pieces) - 1; k >= 0 && p.moved == nil && f.pieces[k].moved == nil && f.pieces[k].blob == p.blob && f.pieces[k].off+f.pieces[k].dims[0] == p.off {
		f.pieces[k].dims[0] += n
		return
	}
	if len(f.pieces) == maxPieces {
		refuse("a file of more than %d pieces", maxPieces)
	}
	f.pieces = append(f.pieces, p)
}

// Write appends text.
func (f *File) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(p) > maxText-len(f.text) {
		refuse("more than %d bytes beside the weights", maxText)
	}
	f.add(piece{off: int64(len(f.text)), dims: []int64{int64(len(p))}})
	f.text = append(f.text, p...)
	return len(p), nil
}

// Range appends n bytes of a blob from off on.
func (f *File) Range(blob abi.Handle, off, n int64) {
	if n > 0 {
		f.add(piece{blob: blob, off: off, dims: []int64{n}})
	}
}

// Weight appends the elements of w.
func (f *File) Weight(w *layer.Weight) {
	if w.Perm == nil && len(w.Flip) == 0 || w.Type.Elems() == 0 {
		f.Range(w.Blob, w.Offset, w.Type.Bytes())
		return
	}
	dims := w.Dims
	if dims == nil {
		dims = w.Type.Shape()
	}
	if len(dims) == tensor.MaxRank {
		refuse("%s has %d dims, which leaves none for the bytes of its elements", w.Path, len(dims))
	}
	f.add(piece{blob: w.Blob, off: w.Offset, dims: append(append([]int64(nil), dims...), int64(w.Type.DType.Size())), moved: w})
}

// Close ends the file and declares it as what the model gives.
func (f *File) Close() *File {
	text := abi.Handle(0)
	if len(f.text) > 0 {
		w := weights.NewWriter(f.box, int64(len(f.text)), abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: -1, Text: "what is written beside the weights"})
		w.Write(f.text)
		text, f.text = w.Close(), nil
	}
	for i := range f.pieces {
		p := &f.pieces[i]
		if p.blob == 0 {
			p.blob = text
		}
		var e abi.Errno
		if p.bytes, e = trace.NewConstant(f.box, p.blob, p.off, tensor.Of(tensor.Uint8, tensor.Product(p.dims))); e != abi.OK {
			refuse("a piece of the file: %v", e)
		}
	}
	rec := abi.AppendPort(nil, abi.Port{Output: true, Ranked: true, DType: uint8(tensor.Uint8), Name: "file", Dims: []abi.PortDim{{Size: f.size}}})
	if e := f.box.PortDeclare(rec); e != abi.OK {
		refuse("the file: %v", e)
	}
	return f
}

// Run gives the file.
func (f *File) Run(box abi.Box) {
	t := trace.New(box)
	values := make([]*trace.Value, len(f.pieces))
	for i := range f.pieces {
		values[i] = f.pieces[i].value(t)
	}
	for len(values) > 1 {
		var joined []*trace.Value
		for len(values) > 0 {
			n := min(len(values), maxJoined)
			joined = append(joined, t.Concat(0, values[:n]...))
			values = values[n:]
		}
		values = joined
	}
	if len(values) == 0 {
		values = []*trace.Value{t.Fill(tensor.Uint8, 0, trace.Consts(0))}
	}
	t.Output(0, values[0])
	t.Finish()
}

// value is the bytes of p in their order.
func (p *piece) value(t *trace.Tracer) *trace.Value {
	v := t.Constant(p.bytes)
	if p.moved == nil {
		return v
	}
	v = t.Reshape(v, trace.Consts(p.dims...))
	if perm := p.moved.Perm; perm != nil {
		v = t.Permute(v, append(append([]int64(nil), perm...), int64(len(perm)))...)
	}
	start, step := make([]trace.Int, v.Rank()), make([]int64, v.Rank())
	for i := range step {
		step[i] = 1
	}
	for _, axis := range p.moved.Flip {
		start[axis], step[axis] = trace.Const(v.Shape()[axis]-1), -1
	}
	v = t.Slice(v, start, v.Dims(), step)
	return t.Reshape(v, trace.Consts(-1))
}
