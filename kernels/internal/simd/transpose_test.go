package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestTranspose(t *testing.T) {
	to, from := newFence(t, 40*44), newFence(t, 40*44)
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for rows := range 36 {
			for cols := range 36 {
				da, sb := cols+r.IntN(5), rows+r.IntN(5)
				words := func(f fence, n int) []uint32 { return tensor.View[uint32](tensor.Bytes(f.take(r, max(0, n)))) }
				dst, src := words(to, (rows-1)*da+cols), words(from, (cols-1)*sb+rows)
				if rows == 0 || cols == 0 {
					dst, src = nil, nil
				}
				for i := range src {
					src[i] = r.Uint32()
				}
				for i := range dst {
					dst[i] = math.MaxUint32
				}
				want := slices.Clone(dst)
				for i := range rows {
					for j := range cols {
						want[i*da+j] = src[j*sb+i]
					}
				}
				Transpose(dst, da, src, sb, rows, cols)
				if !slices.Equal(dst, want) {
					t.Fatalf("(%d, %d) of strides %d and %d differs", rows, cols, da, sb)
				}
			}
		}
	})
}

func TestTransposeRefuses(t *testing.T) {
	for _, c := range [][2]int{{9, 5}, {10, 4}, {-1, 5}, {10, -1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("strides %v: accepted", c)
				}
			}()
			dst, src := make([]uint32, 4*9+10), make([]uint32, 9*4+5)
			Transpose(dst[:len(dst)-1], c[0], src[:len(src)-1], c[1]+1, 5, 10)
		}()
	}
}
