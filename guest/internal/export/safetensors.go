package export

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/safetensors"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/strictjson"
)

// sorted are the tensors of w in the order of what huggingface/safetensors
// writes: by element type, the wide ones first, so that each lies at a multiple
// of its size, and then by name.
func sorted(w *weights.File) []*weights.Tensor {
	list := named(w)
	order := func(t *weights.Tensor) int {
		_, n, _ := safetensors.ElementOf(t)
		return n
	}
	slices.SortStableFunc(list, func(a, b *weights.Tensor) int {
		return cmp.Or(cmp.Compare(order(b), order(a)), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// named are the tensors of w, none of which have one name.
func named(w *weights.File) []*weights.Tensor {
	names := map[string]bool{}
	list := make([]*weights.Tensor, len(w.Tensors))
	for i := range w.Tensors {
		list[i] = &w.Tensors[i]
		if name := list[i].Name; names[name] {
			refuse("two tensors are called %q", name)
		}
		names[list[i].Name] = true
	}
	return list
}

// Safetensors writes the tensors of w. What a safetensors file says of itself
// is kept.
func Safetensors(box abi.Box, w *weights.File) *File {
	list := sorted(w)
	head := []byte("{")
	if w.Format == "safetensors" && len(w.Fields) > 0 {
		head = append(head, `"__metadata__":{`...)
		for i, f := range w.Fields {
			if i > 0 {
				head = append(head, ',')
			}
			head = strictjson.AppendString(append(strictjson.AppendString(head, f.Name), ':'), f.Value)
		}
		head = append(head, '}')
	}
	at := int64(0)
	for _, t := range list {
		e, _, ok := safetensors.ElementOf(t)
		if !ok {
			refuse("safetensors has no elements of type %q, which tensor %q has", t.Element, t.Name)
		}
		if t.Name == "__metadata__" {
			refuse("a tensor called %q", t.Name)
		}
		if len(head) > 1 {
			head = append(head, ',')
		}
		head = append(strictjson.AppendString(head, t.Name), `:{"dtype":`...)
		head = append(strictjson.AppendString(head, e.Name), `,"shape":[`...)
		head = append(appendInts(head, t.Shape), `],"data_offsets":[`...)
		head = append(appendInts(head, []int64{at, at + t.Size}), `]}`...)
		at += t.Size
	}
	head = append(head, '}')
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	f := New(box)
	f.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(head))))
	f.Write(head)
	for _, t := range list {
		blob, off := t.RowMajor(box)
		f.Range(blob, off, t.Size)
	}
	return f.Close()
}

func appendInts(b []byte, ns []int64) []byte {
	for i, n := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return b
}
