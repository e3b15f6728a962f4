// Package weights is what files that hold named tensors have in common,
// whichever format they are in: a list of tensors, of which none has been read
// into the guest, and of what was refused.
package weights

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxRefused bounds what is refused of one file: of a file with more, the rest
// is not worth reading.
const maxRefused = 100

// File is what was found in a file of weights.
type File struct {
	Format, Version string
	Fields          []Field
	Layers          []Layer
	Tensors         []Tensor
	Refused         []abi.Fault
}

// Field is something that the file says of itself.
type Field struct{ Name, Value string }

// Layer is a layer of a network in the file, inside of Depth others.
type Layer struct {
	Path, Text string
	Depth      int
}

// Reader reads blob h into f. It notes in f what it refuses of the file where
// it can go on, and ends with a fault where it cannot.
type Reader func(box abi.Box, h abi.Handle, f *File)

// Opener reads blob h, whose format it finds out.
type Opener func(box abi.Box, h abi.Handle) *File

// Refuse notes that a part of the file is refused.
func (f *File) Refuse(fault abi.Fault) {
	if len(f.Refused) == maxRefused {
		scan.Refuse(fault)
	}
	f.Refused = append(f.Refused, fault)
}

// Attempt calls do and notes the fault that it ended with, if it did.
func (f *File) Attempt(do func()) {
	if fault := scan.Catch(do); fault != nil {
		f.Refuse(*fault)
	}
}

// Field notes something that the file says of itself.
func (f *File) Field(name, value string) { f.Fields = append(f.Fields, Field{name, value}) }

// Load reads blob h, and refuses it if anything in it is refused.
func Load(box abi.Box, h abi.Handle, read Reader) *File {
	f := &File{}
	read(box, h, f)
	if len(f.Refused) > 0 {
		scan.Refuse(f.Refused[0])
	}
	return f
}

// Inspect reports what is in blob 1, and what of it is refused. task has the
// options.
func Inspect(box abi.Box, task abi.Task, read Reader) {
	f := &File{}
	if fault := scan.Catch(func() { read(box, 1, f) }); fault != nil {
		f.Refused = append(f.Refused, *fault)
	}
	f.report(box, task&abi.OptionDigests != 0)
}

func (f *File) report(box abi.Box, digests bool) {
	var record []byte
	emit := func(it abi.Item) {
		record = abi.AppendItem(record[:0], it)
		if e := box.Emit(abi.EmitReport, record); e != abi.OK {
			scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: "the report is too long"})
		}
	}
	emit(abi.Item{Kind: abi.ItemFormat, Blob: 1, Offset: -1, Strings: []string{f.Format, f.Version}})
	for _, x := range f.Fields {
		emit(abi.Item{Kind: abi.ItemField, Blob: 1, Offset: -1, Strings: []string{x.Name, x.Value}})
	}
	for _, x := range f.Layers {
		emit(abi.Item{Kind: abi.ItemLayer, Blob: 1, Offset: -1, Strings: []string{x.Path, x.Text}, Ints: []int64{int64(x.Depth)}})
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		strings := []string{t.Name, ""}
		form := t.form()
		if digests {
			strings = append(strings, form, t.Digest(box))
		} else if form != "" {
			strings = append(strings, form)
		}
		blob, at := t.Blob, t.At
		if t.Packed > 0 {
			blob, at = 1, t.Packed
		}
		emit(abi.Item{
			Kind: abi.ItemTensor, Blob: blob, Offset: at, Strings: strings,
			Ints: append([]int64{int64(t.DType), t.Size}, t.Shape...),
		})
	}
	for _, x := range f.Refused {
		strings := []string{x.Text, x.Node, x.Op}
		if x.Rule != "" {
			strings = append(strings, x.Rule)
		}
		emit(abi.Item{Kind: abi.ItemRefused, Blob: x.Blob, Offset: x.Offset, Strings: strings, Ints: []int64{int64(x.Kind)}})
	}
}

// Tensor is a tensor in a file. Its Size bytes lie in Blob from At on, and are
// there: a reader has seen that they are as many as its shape takes.
type Tensor struct {
	Name    string
	DType   tensor.DType // 0 where no operation knows the element type
	Element string       // what the file calls an element type that is not a DType
	Shape   []int64
	Blob    abi.Handle
	At      int64
	Size    int64

	// How the elements lie, where they do not as those of a tensor do.
	ColumnMajor bool // the first dim runs fastest, not the last
	BigEndian   bool // the highest byte of an element is first
	// Packed is where the bytes stand compressed in the file, if they do. Blob
	// was written from them then.
	Packed int64
}

// form says how the elements lie, where a type does not.
func (t *Tensor) form() string {
	switch {
	case t.DType == 0:
		return t.Element
	case t.BigEndian && t.ColumnMajor && len(t.Shape) > 1:
		return "big-endian, column-major"
	case t.BigEndian:
		return "big-endian"
	case t.ColumnMajor && len(t.Shape) > 1:
		return "column-major"
	case t.Packed > 0:
		return "compressed"
	}
	return ""
}

// Type is the type of a tensor that operations can take; of another it refuses
// the file.
func (t *Tensor) Type() tensor.Type {
	if t.DType == 0 {
		t.refuse("no operation takes elements of type %q", t.Element)
	}
	typ := tensor.Of(t.DType, t.Shape...)
	if err := typ.Check(); err != nil {
		t.refuse("%v", err)
	}
	return typ
}

func (t *Tensor) refuse(format string, args ...any) { scan.Refuse(t.fault(format, args...)) }

func (t *Tensor) fault(format string, args ...any) abi.Fault {
	return abi.Fault{Kind: abi.FaultUnsupported, Blob: t.Blob, Offset: t.At, Node: t.Name, Text: fmt.Sprintf(format, args...)}
}
