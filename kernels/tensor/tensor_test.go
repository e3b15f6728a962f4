package tensor

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestCheck(t *testing.T) {
	past := Of(Float32, 2)
	past.Dims[1] = 1
	for _, c := range []struct {
		name string
		t    Type
		want error
	}{
		{"zero", Type{}, ErrDType},
		{"string", Of(String, 2), ErrDType},
		{"unknown", Of(DType(200), 2), ErrDType},
		{"scalar", Of(Bool), nil},
		{"vector", Of(Int8, 3), nil},
		{"rank 8", Of(Float32, 1, 2, 3, 4, 5, 6, 7, 8), nil},
		{"rank 9", Of(Float32, 1, 1, 1, 1, 1, 1, 1, 1, 1), ErrRank},
		{"rank 300", Of(Float32, make([]int64, 300)...), ErrRank},
		{"dim past the rank", past, ErrRank},
		{"negative", Of(Float32, 2, -1), ErrDim},
		{"least", Of(Float32, math.MinInt64), ErrDim},
		{"negative beside zero", Of(Float32, 0, -1), ErrDim},
		{"empty", Of(Float32, 0), nil},
		{"largest", Of(Uint8, 1<<46), nil},
		{"one too many", Of(Uint8, 1<<46+1), ErrSize},
		{"elements of 8 bytes", Of(Int64, 1<<43), nil},
		{"one too many of 8 bytes", Of(Int64, 1<<43+1), ErrSize},
		{"wraps to 0", Of(Uint8, 1<<32, 1<<32), ErrSize},
		{"wraps to 4", Of(Float32, 1<<62, 1<<62, 1<<62), ErrSize},
		{"empty, yet too large", Of(Uint8, 0, 1<<40, 1<<40), ErrSize},
	} {
		if err := c.t.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// What Check accepts has the sizes that exact arithmetic gives, whichever part
// of the dims is multiplied.
func TestCheckedSizesAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		x := Type{DType: DType(r.IntN(16)), Rank: uint8(r.IntN(MaxRank + 2))}
		for i := range min(x.Rank, MaxRank) {
			x.Dims[i] = r.Int64N(1<<r.IntN(63) + 1)
		}
		if x.Check() != nil {
			continue
		}
		if bytes := exact(x.Shape(), x.DType.Size()); bytes != x.Bytes() {
			t.Fatalf("%v: got %d bytes, want %d", x, x.Bytes(), bytes)
		}
		for i := range x.Shape() {
			for j := i; j <= int(x.Rank); j++ {
				if part := exact(x.Dims[i:j], 1); part != Product(x.Dims[i:j]) || part > MaxBytes {
					t.Fatalf("%v: dims %d to %d: got %d, want %d", x, i, j, Product(x.Dims[i:j]), part)
				}
			}
		}
	}
}

func exact(dims []int64, size int) int64 {
	n := big.NewInt(int64(size))
	for _, d := range dims {
		n.Mul(n, big.NewInt(d))
	}
	if !n.IsInt64() {
		return -1
	}
	return n.Int64()
}

func TestSaturation(t *testing.T) {
	const top = math.MaxInt64
	for _, c := range []struct{ a, b, product, sum int64 }{
		{0, 0, 0, 0},
		{3, 4, 12, 7},
		{0, top, 0, top},
		{1, top, top, top},
		{2, top, top, top},
		{1 << 31, 1 << 31, 1 << 62, 1 << 32},
		{1 << 32, 1 << 31, top, 1<<32 + 1<<31},
		{1 << 62, 1 << 62, top, top},
		{-1, 1, top, top},
		{0, -1, top, top},
		{math.MinInt64, math.MinInt64, top, top},
	} {
		for range 2 {
			if got := MulSat(c.a, c.b); got != c.product {
				t.Errorf("%d · %d: got %d, want %d", c.a, c.b, got, c.product)
			}
			if got := AddSat(c.a, c.b); got != c.sum {
				t.Errorf("%d + %d: got %d, want %d", c.a, c.b, got, c.sum)
			}
			c.a, c.b = c.b, c.a
		}
	}
	for _, c := range []struct {
		dims []int64
		want int64
	}{
		{nil, 1},
		{[]int64{1 << 40, 1 << 40}, top},
		{[]int64{1 << 40, 1 << 40, 0}, 0},
		{[]int64{-1}, top},
	} {
		if got := Product(c.dims); got != c.want {
			t.Errorf("product of %v: got %d, want %d", c.dims, got, c.want)
		}
	}
}

func TestDTypes(t *testing.T) {
	for d := range DType(255) {
		kinds := 0
		for _, is := range []bool{d.IsFloat(), d.IsSigned(), d.IsUnsigned(), d == Bool} {
			if is {
				kinds++
			}
		}
		if d.Valid() != (kinds == 1) || d.Valid() != (d.Size() > 0) || kinds > 1 {
			t.Errorf("%v: valid %v, of %d kinds, size %d", d, d.Valid(), kinds, d.Size())
		}
		if d.IsInt() != (d.IsSigned() || d.IsUnsigned()) {
			t.Errorf("%v: an integer of no sign", d)
		}
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		t    Type
		want string
	}{
		{Of(Float32, 1, 3, 224, 224), "float32[1, 3, 224, 224]"},
		{Of(Bool), "bool[]"},
		{Of(0, 2), "dtype(0)[2]"},
		{Of(99, 2), "dtype(99)[2]"},
	} {
		if got := c.t.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
