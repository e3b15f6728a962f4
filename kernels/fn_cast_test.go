package kernels

import (
	"math"
	"math/big"
	"sort"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestCast holds every cast against exact arithmetic.
func TestCast(t *testing.T) {
	r := newDice()
	for from := tensor.Float32; from <= tensor.Bool; from++ {
		x := castOperands(r, from)
		for to := tensor.Float32; to <= tensor.Bool; to++ {
			y := must(t, &Map, MapAttrs{program1(FnCast, to, 0)}, x)[0]
			for i := range x.Elems() {
				want := exactCast(x, i, to)
				if got := exactValue(y, i); (got == nil) != (want == nil) || got != nil && got.Cmp(want) != 0 {
					t.Fatalf("%v %v to %v is %v, want %v", from, exactValue(x, i), to, got, want)
				}
			}
		}
	}
}

// castOperands are the elements of a type where casts go wrong.
func castOperands(r dice, d tensor.DType) Tensor {
	x := r.tensor(d, 600)
	if !d.IsFloat() {
		for i := range int64(120) { // ties of the narrow floats, a bit off
			v := int64(257+2*(i%50))<<uint(i%48) + i%3 - 1
			copy(elem(x, i), appendInt(nil, d, v))
			if d == tensor.Bool {
				elem(x, i)[0] &= 1
			}
		}
		return x
	}
	var v []float64
	for k := range 66 {
		p := math.Ldexp(1, k)
		v = append(v, p, -p, p-1, p-0.5, p+0.5, -p-1, math.Nextafter(p, 0), p*(1+0x1p-8), p*(1+0x1p-8+0x1p-40), p*(1+0x1p-11), p*(1+0x1p-24+0x1p-50))
		q := 1 / p
		v = append(v, q, -q, 1.5*q, q*(1+0x1p-11), q*(1+0x1p-11+0x1p-45))
	}
	v = append(v, 0, zero, inf, -inf, nan, 65504, 65519.99, 65520, math.MaxFloat32, math.MaxFloat32*(1+0x1p-25), 1e300, -1e300, 5e-324)
	return tensorOf(d, []int64{int64(len(v))}, v)
}

// exactValue is an element as it is; nil for NaN. Infinity is big's.
func exactValue(x Tensor, i int64) *big.Float {
	if x.DType.IsFloat() {
		v := values(Tensor{tensor.Of(x.DType, 1), append(tensor.Aligned(0), elem(x, i)...)})[0]
		if v != v {
			return nil
		}
		return new(big.Float).SetFloat64(v)
	}
	n := new(big.Int)
	for k := x.DType.Size() - 1; k >= 0; k-- {
		n.Lsh(n, 8).Or(n, big.NewInt(int64(elem(x, i)[k])))
	}
	n = wrap(n, uint(8*x.DType.Size()), x.DType.IsSigned())
	return new(big.Float).SetPrec(64).SetInt(n)
}

func exactCast(x Tensor, i int64, to tensor.DType) *big.Float {
	v := exactValue(x, i)
	switch {
	case to == tensor.Bool:
		if v == nil || v.Sign() != 0 {
			return big.NewFloat(1)
		}
		return new(big.Float)
	case to.IsInt() && v == nil:
		return new(big.Float)
	case to.IsInt():
		bits := uint(8 * to.Size())
		lo, hi := new(big.Int), new(big.Int).Lsh(big.NewInt(1), bits)
		if to.IsSigned() {
			hi.Rsh(hi, 1)
			lo.Neg(hi)
		}
		hi.Sub(hi, big.NewInt(1))
		if v.IsInf() {
			if v.Sign() < 0 {
				return new(big.Float).SetInt(lo)
			}
			return new(big.Float).SetPrec(64).SetInt(hi)
		}
		n, _ := v.Int(nil)
		if x.DType.IsFloat() {
			if n.Cmp(lo) < 0 {
				n = lo
			} else if n.Cmp(hi) > 0 {
				n = hi
			}
		} else {
			n = wrap(n, bits, to.IsSigned())
		}
		return new(big.Float).SetPrec(64).SetInt(n)
	case v == nil || v.IsInf():
		return v
	case to == tensor.Float64:
		f, _ := v.Float64()
		return new(big.Float).SetFloat64(f)
	case to == tensor.Float32:
		f, _ := v.Float32()
		return new(big.Float).SetFloat64(float64(f))
	}
	return nearestHalf(v, to)
}

// wrap is what that many bits keep of n.
func wrap(n *big.Int, bits uint, signed bool) *big.Int {
	size := new(big.Int).Lsh(big.NewInt(1), bits)
	n.Mod(n, size)
	if signed && n.Bit(int(bits)-1) == 1 {
		n.Sub(n, size)
	}
	return n
}

// nearestHalf looks v up among all numbers of a 16-bit type.
func nearestHalf(v *big.Float, to tensor.DType) *big.Float {
	limit, widen := 0x7c00, halfOf(to).widen
	if to == tensor.BFloat16 {
		limit = 0x7f80
	}
	at := func(k int) *big.Float {
		if k == limit { // where the next number would be
			return new(big.Float).SetFloat64(2*float64(widen(uint16(k-1))) - float64(widen(uint16(k-2))))
		}
		return new(big.Float).SetFloat64(float64(widen(uint16(k))))
	}
	size := new(big.Float).Abs(v)
	k := sort.Search(limit+1, func(k int) bool { return at(k).Cmp(size) >= 0 })
	if k > 0 && k <= limit {
		middle := new(big.Float).SetPrec(200).Add(at(k), at(k-1))
		middle.Quo(middle, big.NewFloat(2))
		if c := size.Cmp(middle); c < 0 || c == 0 && k&1 == 1 {
			k--
		}
	}
	y := at(min(k, limit))
	if k >= limit {
		y = new(big.Float).SetInf(false)
	}
	if v.Sign() < 0 {
		y.Neg(y)
	}
	return y
}
