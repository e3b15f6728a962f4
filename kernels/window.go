package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A window slides over the spatial dims of x [n, sp…, c]. There are always
// three of them: missing ones are in front and have size 1.
type window struct {
	in, out          [3]int
	kernel           [3]int
	stride, dilation [3]int
	before, after    [3]int
}

// maxWindow bounds the attributes of a window, so that their products fit.
const maxWindow = 1 << 31

// sliding is the attributes that describe a window.
type sliding struct{ kernel, stride, dilation, before, after []int64 }

func planWindow(x *tensor.Type, s sliding) (window, error) {
	var w window
	spatial := int(x.Rank) - 2
	if spatial < 1 || spatial > 3 {
		return w, fmt.Errorf("%w: %v", ErrRank, x)
	}
	for d := range w.in {
		w.in[d], w.out[d], w.kernel[d], w.stride[d], w.dilation[d] = 1, 1, 1, 1, 1
	}
	for _, f := range []struct {
		name string
		list []int64
		low  int64
		to   *[3]int
	}{
		{"kernel", s.kernel, 1, &w.kernel}, {"stride", s.stride, 1, &w.stride}, {"dilation", s.dilation, 1, &w.dilation},
		{"before", s.before, 0, &w.before}, {"after", s.after, 0, &w.after},
	} {
		if len(f.list) != spatial {
			return w, fmt.Errorf("%w: %d entries of %s for %d dims", ErrAttr, len(f.list), f.name, spatial)
		}
		for i, v := range f.list {
			if v < f.low || v >= maxWindow {
				return w, fmt.Errorf("%w: %s %d", ErrAttr, f.name, v)
			}
			f.to[3-spatial+i] = int(v)
		}
	}
	for i := range spatial {
		w.in[3-spatial+i] = int(x.Dims[1+i])
	}
	return w, nil
}

// extent is how far a window reaches along dim d.
func (w *window) extent(d int) int { return (w.kernel[d]-1)*w.dilation[d] + 1 }

// slide sets the size of the result: every place where the window fits.
func (w *window) slide() error {
	for d := range w.in {
		room := w.in[d] + w.before[d] + w.after[d] - w.extent(d)
		if room < 0 {
			return fmt.Errorf("%w: a window of %d over %d", ErrShape, w.extent(d), w.in[d]+w.before[d]+w.after[d])
		}
		w.out[d] = room/w.stride[d] + 1
	}
	return nil
}

// result is the type [n, out…, c] for x [n, sp…, …].
func (w *window) result(x *tensor.Type, c int64) (tensor.Type, error) {
	y := *x
	spatial := int(x.Rank) - 2
	for i := range spatial {
		y.Dims[1+i] = int64(w.out[3-spatial+i])
	}
	y.Dims[x.Rank-1] = c
	return sized(y.DType, y.Shape())
}

func (w *window) taps() int { return w.kernel[0] * w.kernel[1] * w.kernel[2] }

// corner is where the window of place i of the result begins in x, which may
// be in the padding, and the first place in x of its image.
func (w *window) corner(i int) (at [3]int, image int) {
	at, image = w.split(i)
	for d := range at {
		at[d] = at[d]*w.stride[d] - w.before[d]
	}
	return at, image
}

// tap is the index in the window of its tap i.
func (w *window) tap(i int) (t [3]int) {
	for d := 2; d >= 0; d-- {
		t[d] = i % w.kernel[d]
		i /= w.kernel[d]
	}
	return t
}

// next moves to the tap after t.
func (w *window) next(t *[3]int) {
	for d := 2; d >= 0; d-- {
		if t[d]++; t[d] < w.kernel[d] {
			return
		}
		t[d] = 0
	}
}

// place is where a tap lies within an image of x, unless in the padding.
func (w *window) place(corner, tap [3]int) (place int, ok bool) {
	for d := range corner {
		i := corner[d] + tap[d]*w.dilation[d]
		if uint(i) >= uint(w.in[d]) {
			return 0, false
		}
		place = place*w.in[d] + i
	}
	return place, true
}

// slideUp adds windows that reach past the padding behind, as long as they do
// not start in it.
func (w *window) slideUp() {
	for d := range w.in {
		over := (w.in[d] + w.before[d] + w.after[d] - w.extent(d)) % w.stride[d]
		if over > 0 && w.out[d]*w.stride[d] < w.in[d]+w.before[d] {
			w.out[d]++
		}
	}
}

// split is place i of the result as an index of each dim, and the first place
// in x of its image.
func (w *window) split(i int) (at [3]int, image int) {
	for d := 2; d >= 0; d-- {
		if n := w.out[d]; n > 1 { // a division takes longer than the rest
			at[d] = i % n
			i /= n
		}
	}
	return at, i * w.in[0] * w.in[1] * w.in[2]
}

// origin is the place in an image of x from which the transposed window adds
// through a tap to place at of the result, if there is one.
func (w *window) origin(at, tap [3]int) (place int, ok bool) {
	for d := range at {
		i := at[d] + w.before[d] - tap[d]*w.dilation[d]
		if i < 0 || i%w.stride[d] != 0 || i/w.stride[d] >= w.in[d] {
			return 0, false
		}
		place = place*w.in[d] + i/w.stride[d]
	}
	return place, true
}

// ceilDiv is a/b rounded up, for b > 0.
func ceilDiv(a, b int) int {
	q := a / b
	if a > q*b {
		q++
	}
	return q
}
