package arch

import (
	"fmt"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// julia are the formats whose arrays have the axes that Flux gives them.
var julia = map[string]bool{"bson": true, "jld2": true}

// binder gives the layers of a description their weights.
type binder struct {
	box  abi.Box
	blob abi.Handle // of the description
	file *weights.File
}

// refuse ends the load for something that is wrong with a weight.
func (b *binder) refuse(s *slot, kind abi.FaultKind, format string, args ...any) {
	scan.Refuse(abi.Fault{
		Kind: kind, Blob: b.blob, Offset: s.offset, Node: s.layer.Path, Op: string(s.layer.Kind), Text: fmt.Sprintf(format, args...),
	})
}

// bind finds the weights of d in the part that holds them, which open reads.
func (d *Description) bind(box abi.Box, blob abi.Handle, open weights.Opener) {
	if len(d.slots) == 0 {
		return
	}
	b := &binder{box: box, blob: blob}
	h, e := box.BlobPart(WeightsPart)
	if e != abi.OK {
		scan.Refuse(abi.Fault{Kind: abi.FaultInput, Blob: blob, Offset: -1, Text: "an architecture needs a file of weights, as the part " + WeightsPart + ", which --weights FILE gives"})
	}
	b.file = open(box, h)
	if d.Bind == ByOrder && len(d.slots) != len(b.file.Tensors) {
		b.refuse(&d.slots[0], abi.FaultMalformed, "%d weights to be taken in order from a file of %d tensors", len(d.slots), len(b.file.Tensors))
	}
	if d.Bind == ByOrder && julia[b.file.Format] {
		d.shiftFirst()
	}
	byName, twice := map[string]*weights.Tensor{}, map[string]bool{}
	for i := range b.file.Tensors {
		name := b.file.Tensors[i].Name
		twice[name] = twice[name] || byName[name] != nil
		byName[name] = &b.file.Tensors[i]
	}
	for i := range d.slots {
		s := &d.slots[i]
		t := byName[s.name]
		if d.Bind == ByOrder {
			t = &b.file.Tensors[i]
		}
		if d.Bind != ByOrder && twice[s.name] {
			b.refuse(s, abi.FaultMalformed, "several tensors in the file of weights are called %q", s.name)
		}
		if t == nil {
			b.refuse(s, abi.FaultMalformed, "there is no tensor %q in the file of weights", s.name)
		}
		w := b.weight(s, t)
		if want := b.shape(s); want != nil && !slices.Equal(w.Shape(), want) {
			b.refuse(s, abi.FaultMalformed, "tensor %q is a %s of %d, not %d", t.Name, s.role, w.Shape(), want)
		}
		if s.layer.Weights == nil {
			s.layer.Weights = map[layer.Role]*layer.Weight{}
		}
		s.layer.Weights[s.role] = w
	}
}

// shiftFirst puts the shift of a norm before its factor, as Flux has them: of
// one shape, they could be taken for each other.
func (d *Description) shiftFirst() {
	for i := 1; i < len(d.slots); i++ {
		a, b := &d.slots[i-1], &d.slots[i]
		norm := a.layer.Kind == layer.BatchNorm || a.layer.Kind == layer.GroupNorm
		if norm && a.usual && a.layer == b.layer && a.role == layer.Main && b.role == layer.Bias {
			*a, *b = *b, *a
		}
	}
}

// shape is the shape that a weight must have where its layer is not specific
// about it: a statistic is one number a channel, or a group.
func (b *binder) shape(s *slot) []int64 {
	l := s.layer
	switch {
	case s.role == layer.Bias && l.Kind == layer.Scale:
		return l.Size
	case s.role != layer.Mean && s.role != layer.Variance:
		return nil
	case l.Kind == layer.GroupNorm:
		return []int64{l.Groups}
	}
	return []int64{l.In}
}

// weight is a tensor as a weight in the conventions of package layer.
func (b *binder) weight(s *slot, t *weights.Tensor) *layer.Weight {
	typ := t.Type() // refuses what operations do not take
	w := &layer.Weight{Path: t.Name, Blob: t.Blob, Offset: t.At, Type: typ}
	stored := slices.Clone(t.Shape)
	if t.ColumnMajor {
		slices.Reverse(stored)
	}
	if t.BigEndian {
		w.Blob, w.Offset = t.RowMajor(b.box)
		stored = t.Shape
	}
	w.Type = tensor.Of(typ.DType, stored...)
	if s.steps != nil {
		b.steps(s, w)
		return w
	}
	columns := t.ColumnMajor && !t.BigEndian
	if julia[b.file.Format] {
		var flip []int64
		w.Perm, flip = fromJulia(s.layer.Kind, s.role, len(stored), columns)
		w.Flip = axes(flip)
	} else if columns {
		w.Perm = backwards(len(stored))
	}
	return w
}

// fromJulia is how a weight comes out of the bytes of an array of Flux's, read
// row by row; columns says that the first axis runs fastest, as it usually
// does.
func fromJulia(k layer.Kind, r layer.Role, rank int, columns bool) (perm, flip []int64) {
	whole := matrix[r] || r == layer.Main && matrices[k]
	if whole == columns {
		perm = backwards(rank)
	}
	if r == layer.Main && (k == layer.Conv || k == layer.ConvTranspose) {
		for axis := 2; axis < rank; axis++ {
			flip = append(flip, int64(axis))
		}
	}
	return perm, flip
}

// backwards is the permutation of axes into the opposite order.
func backwards(rank int) []int64 {
	if rank < 2 {
		return nil
	}
	var perm []int64
	for i := range rank {
		perm = append(perm, int64(rank-1-i))
	}
	return perm
}

func axes(flip []int64) []int {
	var axes []int
	for _, axis := range flip {
		axes = append(axes, int(axis))
	}
	return axes
}

// Matrices of weights are (out, in) in Flux and here alike, all other arrays of
// Flux have their axes in the opposite order, and its convolutions turn their
// kernels over.
var (
	matrix   = map[layer.Role]bool{layer.WeightIH: true, layer.WeightHH: true, layer.WeightHN: true}
	matrices = map[layer.Kind]bool{layer.Dense: true, layer.Bilinear: true}
)

// steps lets a weight come out of the bytes of its tensor as the description
// says.
func (b *binder) steps(s *slot, w *layer.Weight) {
	w.Dims, w.Perm = s.steps.dims, s.steps.perm
	dims := w.Dims
	if dims == nil {
		dims = w.Type.Shape()
	}
	if w.Dims != nil && (len(w.Dims) > maxDims || tensor.Product(w.Dims) != w.Type.Elems()) {
		b.refuse(s, abi.FaultMalformed, "tensor %q is %s, not %d", w.Path, w.Type, w.Dims)
	}
	if w.Perm != nil {
		sorted := slices.Clone(w.Perm)
		slices.Sort(sorted)
		for i, p := range sorted {
			if p != int64(i) || len(sorted) != len(dims) {
				b.refuse(s, abi.FaultMalformed, "perm %d of %d dims", w.Perm, len(dims))
			}
		}
	}
	for i, axis := range s.steps.flip {
		if axis >= int64(len(dims)) || slices.Contains(s.steps.flip[:i], axis) {
			b.refuse(s, abi.FaultMalformed, "flip %d of %d dims", s.steps.flip, len(dims))
		}
	}
	w.Flip = axes(s.steps.flip)
}
