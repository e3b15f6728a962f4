package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// axes are dims of an array, outermost first, and the distance in elements
// between neighbours along each.
type axes struct {
	rank          int
	dims, strides [tensor.MaxRank]int
}

// add appends a dim inside the others, as one with the last where it can.
func (a *axes) add(n, stride int) {
	if k := a.rank - 1; k >= 0 && a.strides[k] == n*stride {
		a.dims[k], a.strides[k] = a.dims[k]*n, stride
		return
	}
	a.dims[a.rank], a.strides[a.rank] = n, stride
	a.rank++
}

// at is the offset of element i in row-major order.
func (a *axes) at(i int) int {
	at := 0
	for k := a.rank - 1; k >= 0; k-- {
		at += i % a.dims[k] * a.strides[k]
		i /= a.dims[k]
	}
	return at
}

// broadcastStrides are the strides of an array of dims that is broadcast to
// full: 0 where it is repeated.
func broadcastStrides(dims, full []int64) (s [tensor.MaxRank]int) {
	stride := 1
	for i, d := len(dims)-1, len(full)-1; i >= 0; i, d = i-1, d-1 {
		if dims[i] != 1 {
			s[d] = stride
			stride *= int(dims[i])
		}
	}
	return s
}

// broadcasts reports whether t can be broadcast to full without growing it.
func broadcasts(t, full *tensor.Type) bool {
	lead := int(full.Rank) - int(t.Rank)
	for i, n := range t.Shape() {
		if lead < 0 || n != 1 && n != full.Dims[lead+i] {
			return false
		}
	}
	return lead >= 0
}
