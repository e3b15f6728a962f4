package host

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Whatever bits a tensor has, what is canonical stays, and the rest is found
// wherever it lies.
func TestCanonical(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for d := tensor.DType(0); d <= tensor.Bool; d++ {
		size := max(1, d.Size())
		for range 2000 {
			p := make([]byte, size*r.IntN(40))
			if r.IntN(2) == 0 {
				for range r.IntN(4) {
					if len(p) > 0 {
						at := r.IntN(len(p)/size) * size
						for i := range size { // much of what is tried is a NaN or an infinity
							p[at+i] = []byte{0, 1, 2, 0x7f, 0x80, 0xc0, 0xf0, 0xf8, 0x7c, 0xff}[r.IntN(10)]
						}
					}
				}
			} else {
				for i := range p {
					p[i] = byte(r.Uint32())
				}
			}
			want := bytes.Clone(p)
			makeCanonical(d, want)
			if canonical(d, p); !bytes.Equal(p, want) {
				t.Fatalf("%v: got %x, want %x", d, p, want)
			}
		}
	}
	for d, want := range map[tensor.DType]string{
		tensor.Float32: "\x00\x00\xc0\x7f", tensor.Float64: "\x00\x00\x00\x00\x00\x00\xf8\x7f",
		tensor.Float16: "\x00\x7e", tensor.BFloat16: "\xc0\x7f", tensor.Bool: "\x01",
	} {
		p := bytes.Repeat([]byte{0xff}, d.Size())
		if canonical(d, p); string(p) != want {
			t.Errorf("%v: all ones become %x", d, p)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	p := make([]byte, 1<<20)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		canonical(tensor.Float32, p)
	}
}
