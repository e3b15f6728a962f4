package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// access is how one input is read for the elements of the output, which come
// in row-major order: dims and strides, neighbours merged where they can be.
// The last stride is 1 or 0, since an input has no strides of its own.
type access struct {
	dtype   tensor.DType
	used    bool
	rank    int
	dims    [tensor.MaxRank]int64
	strides [tensor.MaxRank]int64
	period  int64 // elements after which it repeats, where the outermost stride is 0
}

// newAccess reads t, broadcast to shape.
func newAccess(t, shape *tensor.Type) access {
	a := access{dtype: t.DType}
	own := strides(t)
	lead := int(shape.Rank) - int(t.Rank)
	for k, n := range shape.Shape() {
		if n == 1 {
			continue
		}
		s := int64(0)
		if k >= lead && t.Dims[k-lead] != 1 {
			s = own[k-lead]
		}
		if last := a.rank - 1; last >= 0 && a.strides[last] == n*s {
			a.dims[last] *= n
			a.strides[last] = s
			continue
		}
		a.dims[a.rank], a.strides[a.rank] = n, s
		a.rank++
	}
	if a.rank > 1 && a.strides[0] == 0 {
		a.period = tensor.Product(a.dims[1:a.rank])
	}
	return a
}

// uniform reports whether all elements read the same one.
func (a *access) uniform() bool { return a.rank == 0 || a.rank == 1 && a.strides[0] == 0 }

// direct reports whether a register can be the input's own memory.
func (a *access) direct() bool {
	return a.rank == 1 && a.strides[0] == 1 && held(a.dtype) == a.dtype
}

// read lays out the elements from pos on in dst, which holds width bytes for
// each. Where they are neighbours in src it copies nothing, but returns them.
func (a *access) read(dst, src []byte, width, pos int64) (mem []byte, copied bool) {
	var at [tensor.MaxRank]int64
	off, rest := int64(0), pos
	for k := a.rank - 1; k >= 0; k-- {
		at[k] = rest % a.dims[k]
		rest /= a.dims[k]
		off += at[k] * a.strides[k]
	}
	size := int64(a.dtype.Size())
	last := a.rank - 1
	n := int64(len(dst)) / width
	if width == size && a.strides[last] == 1 && a.dims[last]-at[last] >= n {
		return src[off*size:][: n*size : n*size], false
	}
	for done := int64(0); done < n; {
		if a.period > 0 && done >= a.period {
			repeat(dst, done/a.period*a.period*width)
			return dst, true
		}
		run := min(n-done, a.dims[last]-at[last])
		part := dst[done*width : (done+run)*width]
		if a.strides[last] == 0 {
			a.fill(part, src[off*size:(off+1)*size], width)
		} else {
			a.load(part, src[off*size:(off+run)*size])
		}
		done += run
		off -= at[last] * a.strides[last]
		at[last] = 0
		for k := last - 1; k >= 0; k-- {
			at[k]++
			off += a.strides[k]
			if at[k] < a.dims[k] {
				break
			}
			off -= at[k] * a.strides[k]
			at[k] = 0
		}
	}
	return dst, true
}

// repeat fills dst with its first bytes, over and over.
func repeat(dst []byte, n int64) {
	for n < int64(len(dst)) {
		n += int64(copy(dst[n:], dst[:n]))
	}
}

// load copies neighbours, as registers hold them.
func (a *access) load(dst, src []byte) {
	if held(a.dtype) == a.dtype {
		copy(dst, src)
		return
	}
	halfOf(a.dtype).load(tensor.View[float32](dst), tensor.View[uint16](src))
}

// fill repeats one element.
func (a *access) fill(dst, src []byte, width int64) {
	a.load(dst[:width], src)
	repeat(dst, width)
}

// count writes the index along a dim of the output for elements from pos on.
func count(dst []int64, pos, stride, dim int64) {
	at, rest := pos/stride%dim, stride-pos%stride
	for i := range dst {
		dst[i] = at
		if rest--; rest == 0 {
			at, rest = at+1, stride
			if at == dim {
				at = 0
			}
		}
	}
}
