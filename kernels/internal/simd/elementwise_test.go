package simd

import (
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"
)

// accurate lists the functions of one argument with what float64 gives and how
// far from it they may be: ulps of the result, a part of |x|, or a number where
// subnormal ones are taken for 0. Of exp and sigmoid what is under e⁻⁸⁷ may be 0.
var accurate = []struct {
	name string
	f    func(float32) float32
	want func(float64) float64
	ulp  float64
	ofX  float64
	tiny float64
}{
	{"exp", Exp32, func(x float64) float64 { return math.Exp(flushed(x)) }, 1, 0, 0},
	{"sigmoid", Sigmoid32, func(x float64) float64 { return math.Exp(min(flushed(x), 0)) / (1 + math.Exp(-math.Abs(x))) }, 3, 0, 0},
	{"tanh", Tanh32, math.Tanh, 2, 0, 0},
	{"erf", Erf32, math.Erf, 2, 0, 0x1p-125},
	{"silu", Silu32, func(x float64) float64 { return x * math.Exp(min(x, 0)) / (1 + math.Exp(-math.Abs(x))) }, 4, 0x1p-125, 0x1p-125},
	{"gelu", Gelu32, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, 2, 0x1p-23, 0x1p-125},
	{"gelu_tanh", GeluTanh32, func(x float64) float64 {
		u := math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x)
		return x / (1 + math.Exp(-2*u))
	}, 2, 0x1p-23, 0x1p-125},
	{"exp2", exp2, math.Exp2, 0.51, 0, 0},
	{"expm1", expm1, math.Expm1, 0.51, 0, 0},
	{"log", Log32, math.Log, 0.51, 0, 0},
	{"log1p", log1p, math.Log1p, 0.51, 0, 0},
	{"sin", sin, math.Sin, 0.51, 0, 0},
	{"cos", cos, math.Cos, 0.51, 0, 0},
	{"tan", tan, math.Tan, 0.51, 0, 0},
	{"asin", asin, math.Asin, 0.51, 0, 0},
	{"acos", acos, math.Acos, 0.51, 0, 0},
	{"atan", atan, math.Atan, 0.51, 0, 0},
	{"sinh", sinh, math.Sinh, 0.51, 0, 0},
	{"cosh", cosh, math.Cosh, 0.51, 0, 0},
	{"asinh", asinh, math.Asinh, 0.51, 0, 0},
	{"acosh", acosh, math.Acosh, 0.51, 0, 0},
	{"atanh", atanh, math.Atanh, 0.51, 0, 0},
	{"softplus", softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 0.51, 0, 0},
	{"mish", mish, func(x float64) float64 {
		x = max(x, -500)
		e := math.Exp(min(x, 40))
		return x * ((e*e + 2*e) / (e*e + 2*e + 2))
	}, 0.51, 0, 0},
}

// flushed is x, or -Inf where exp begins with 0.
func flushed(x float64) float64 {
	if x < -87 {
		return math.Inf(-1)
	}
	return x
}

var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 2, -2, 0.625, -0.625, 0.9277344,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	math.MaxFloat32, -math.MaxFloat32, 0x1p-126, -0x1p-126, 0x1p-149, -0x1p-149, 0x1.fffffcp-127,
	88.72283, 88.72284, 89, -87, -87.00001, -87.33655, -103.27893, -103.97208, -104, -200, 200, 1 << 22, 1 << 24, 1e30,
	math.Pi, math.Pi / 2, math.Pi / 4, 0.41, -0.29, 0.66, 2.4142135,
}

// ulps is how far got is from want, in units of the last place of the float32
// nearest to want; 0 where both are NaN or the same infinity.
func ulps(got float32, want float64) float64 {
	near := float32(want)
	switch {
	case got != got || want != want:
		if got != got && want != want {
			return 0
		}
		return math.Inf(1)
	case math.IsInf(float64(near), 0) || math.IsInf(float64(got), 0):
		if got == near {
			return 0
		}
		// One may round up to infinity where the other stays below it.
		return math.Abs(float64(int64(math.Float32bits(got)) - int64(math.Float32bits(near))))
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-24, -149))
	return math.Abs(float64(got)-want) / unit
}

// An odd step visits every exponent, sign and low bit.
func TestUnary(t *testing.T) { testUnary(t, 65537) }

func TestExhaustive(t *testing.T) {
	if os.Getenv("GLOVEBOX_EXHAUSTIVE") == "" {
		t.Skip("takes hours; set GLOVEBOX_EXHAUSTIVE")
	}
	testUnary(t, 1)
}

func testUnary(t *testing.T, step uint64) {
	for _, u := range accurate {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			worst, at := 0.0, float32(0)
			check := func(x float32) {
				got, want := u.f(x), u.want(float64(x))
				if math.Abs(float64(got)-want) <= max(u.tiny, u.ofX*math.Abs(float64(x))) {
					return
				}
				if e := ulps(got, want); e > worst {
					worst, at = e, x
				}
			}
			for _, x := range specials {
				check(x)
			}
			for b := uint64(0); b < 1<<32; b += step {
				check(math.Float32frombits(uint32(b)))
			}
			for i := range 20000 { // where the interesting arguments are
				check(float32(i-10000) / 500)
			}
			t.Logf("worst %.3f ulp at %g", worst, at)
			if worst > u.ulp {
				t.Errorf("%s(%g) = %g, want %g: %.3f ulp, bound %g", u.name, at, u.f(at), u.want(float64(at)), worst, u.ulp)
			}
		})
	}
}

// TestSameBits holds the functions to the bits they gave when they were
// written, on whatever processor and with whatever compiler this runs.
func TestSameBits(t *testing.T) {
	h := fnv.New64a()
	add := func(y float32) {
		if y != y {
			y = float32(math.NaN())
		}
		b := math.Float32bits(y)
		h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
	}
	check := func(name string, want uint64) {
		if got := h.Sum64(); got != want {
			t.Errorf("%q: %#x, want %#x", name, got, want)
		}
		h.Reset()
	}
	// Every 2¹⁷th argument, and dense ones.
	var args []float32
	for b := uint64(0); b < 1<<32; b += 131071 {
		args = append(args, math.Float32frombits(uint32(b)))
	}
	for i := range 20000 {
		args = append(args, float32(i-10000)/700)
	}
	for _, u := range accurate {
		for _, x := range args {
			add(u.f(x))
		}
		check(u.name, golden[u.name])
	}
	for _, c := range []struct {
		name string
		f    func(a, b float32) float32
	}{
		{"pow", Pow32}, {"atan2", atan2}, {"fmod", Fmod}, {"mod", Mod}, {"elu", elu}, {"celu", celu}, {"quick_gelu", QuickGelu32},
	} {
		for i, x := range args {
			add(c.f(x, args[(i*7+3)%len(args)]))
		}
		check(c.name, golden[c.name])
	}
}

var golden = map[string]uint64{
	"exp":        0x70106117f812f531,
	"sigmoid":    0x67d17f0aa978400e,
	"tanh":       0xe057342a9f64761b,
	"erf":        0x33b31504c8fe10ee,
	"silu":       0x975d25498bac949d,
	"gelu":       0x4f778d93c3329920,
	"gelu_tanh":  0xc357d89e6c4b9bcf,
	"exp2":       0xf70e63e6d93309d,
	"expm1":      0x2918aa591d0a5544,
	"log":        0x98fb970fe5b9b1e8,
	"log1p":      0xe0e09f4a3221c77e,
	"sin":        0x4aca930a368ddbb9,
	"cos":        0x4c5108d9622de574,
	"tan":        0x8dbbff7c3ead0080,
	"asin":       0x2e12df5162224070,
	"acos":       0xb6d863f51982ee0d,
	"atan":       0xceb243300cd3c4b9,
	"sinh":       0x7df1b9843f2f61b9,
	"cosh":       0xc6347639af7ebcb0,
	"asinh":      0xf0d2670f2a1fe0eb,
	"acosh":      0x4b5972568a9109c2,
	"atanh":      0xd9aa255eed28f040,
	"softplus":   0xa1c44da8380c634b,
	"mish":       0x120970c390ab24a6,
	"pow":        0x58103a537740f51b,
	"atan2":      0x965f56aebb940060,
	"fmod":       0x9104d376b6891c3,
	"mod":        0x4bf5d02dc410d56b,
	"elu":        0x60cb165545dd9bf7,
	"celu":       0x2426b262f80cccc4,
	"quick_gelu": 0xd694b81184512d0,
}

func sameFloat(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestSignsOfZero(t *testing.T) {
	zero := float32(math.Copysign(0, -1))
	for _, u := range accurate {
		if want := u.want(math.Copysign(0, -1)); want == 0 && u.name != "acosh" {
			if got := u.f(zero); !sameFloat(got, float32(want)) {
				t.Errorf("%s(-0) = %g, want %g", u.name, got, want)
			}
		}
	}
}

// TestSubnormalArguments holds division and roots to what they are where only
// their arguments are subnormal.
func TestSubnormalArguments(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(name string, got, want float32) {
		t.Helper()
		if want = normal(want); !sameFloat(got, want) {
			t.Fatalf("%s: %b, want %b", name, got, want)
		}
	}
	eachLevel(t, func(t *testing.T) {
		for range 50000 {
			tiny := math.Float32frombits(r.Uint32() & 0x807fffff)
			other := math.Float32frombits(r.Uint32()>>r.IntN(9) | r.Uint32()&1<<31)
			for _, v := range [][2]float32{{tiny, other}, {other, tiny}, {tiny, -tiny / 3}} {
				y := []float32{v[0], 1, v[0], 2}
				Div.Map(y[:1], y[:1], v[1:])
				check("quotient", y[0], v[0]/v[1])
				Recip.Map(y[1:2], v[1:])
				check("reciprocal", y[1], 1/v[1])
				Sqrt.Map(y[2:3], v[:1])
				check("root", y[2], float32(math.Sqrt(float64(v[0]))))
			}
		}
	})
}

func TestFMA(t *testing.T) {
	exact := func(a, b, c float32) float32 {
		x := new(big.Float).SetPrec(700).SetFloat64(float64(a))
		x.Mul(x, new(big.Float).SetFloat64(float64(b)))
		x.Add(x, new(big.Float).SetFloat64(float64(c)))
		f, _ := x.Float32()
		return f
	}
	check := func(a, b, c float32) {
		t.Helper()
		want := exact(a, b, c)
		if got := FMA(a, b, c); math.Float32bits(got) != math.Float32bits(want) && (got != 0 || want != 0) {
			t.Fatalf("FMA(%b, %b, %b) = %b, want %b", a, b, c, got, want)
		}
	}
	// The sum in float64 is a tie that the exact sum is not.
	check(1+0x1p-12, 1+0x1p-12, 0x1p-60)
	check(1+0x1p-12, 1+0x1p-12, -0x1p-60)
	r := rand.New(rand.NewPCG(1, 2))
	finite := func() float32 {
		for {
			if f := math.Float32frombits(r.Uint32()); f-f == 0 {
				return f
			}
		}
	}
	for range 20000 {
		check(finite(), finite(), finite())
		// Products that end in a tie, with a small addend beside them.
		a := float32(1+r.IntN(1<<12)) * 0x1p-12
		b := float32(1+r.IntN(1<<13)) * 0x1p-12
		check(1+a, 1+b, float32(r.IntN(5)-2)*0x1p-60)
		// Subnormal results.
		s := math.Float32frombits(r.Uint32() & (1<<24 - 1))
		check(a*0x1p-70, b*0x1p-70, s)
		check(a*0x1p-70, -b*0x1p-56, s)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ a, b, c, want float32 }{
		{inf, 1, 1, inf}, {inf, 0, 1, nan}, {inf, 1, -inf, nan}, {1, 1, nan, nan}, {1, -1, 1, 0},
		{math.MaxFloat32, 2, -math.MaxFloat32, math.MaxFloat32},
	} {
		if got := FMA(c.a, c.b, c.c); !sameFloat(got, c.want) {
			t.Errorf("FMA(%g, %g, %g) = %g, want %g", c.a, c.b, c.c, got, c.want)
		}
	}
}

func TestBinary(t *testing.T) {
	pymod := func(x, y float64) float64 {
		r := math.Mod(x, y)
		if r == 0 {
			return math.Copysign(0, y)
		}
		if r != r {
			return r
		}
		if (r < 0) != (y < 0) {
			return float64(float32(r) + float32(y))
		}
		return r
	}
	for _, f := range []struct {
		name string
		f    func(x, y float32) float32
		want func(x, y float64) float64
		ulp  float64
	}{
		{"pow", Pow32, math.Pow, 0.51},
		{"atan2", atan2, math.Atan2, 0.51},
		{"fmod", Fmod, math.Mod, 0},
		{"mod", Mod, pymod, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			check := func(x, y float32) {
				t.Helper()
				got, want := f.f(x, y), f.want(float64(x), float64(y))
				if e := ulps(got, want); e > f.ulp || want == 0 && math.Signbit(want) != math.Signbit(float64(got)) {
					t.Errorf("%s(%g, %g) = %g, want %g (%.2f ulp)", f.name, x, y, got, want, e)
				}
			}
			more := append([]float32{3, -3, 4, -5, 0x1p24, 0x1p24 - 1, -0x1p24 + 1, 0.1, 1.0000001, 0.9999999}, specials...)
			for _, x := range more {
				for _, y := range more {
					check(x, y)
				}
			}
			r := rand.New(rand.NewPCG(3, 4))
			for range 50000 {
				check(math.Float32frombits(r.Uint32()), math.Float32frombits(r.Uint32()))
				check(r.Float32()*8-4, r.Float32()*8-4)
				check(r.Float32()*100, float32(r.IntN(41)-20))
				check(float32(r.IntN(41)-20), float32(r.IntN(41)-20))
			}
		})
	}
}

func TestFmod64(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	check := func(x, y float64) {
		t.Helper()
		got, want := Fmod64(x, y), math.Mod(x, y)
		if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
			t.Fatalf("Fmod64(%g, %g) = %g, want %g", x, y, got, want)
		}
	}
	for _, x := range specials {
		for _, y := range specials {
			check(float64(x), float64(y))
			check(float64(x)*1e200, float64(y)*1e-200)
		}
	}
	for range 5000 {
		x, y := math.Float64frombits(r.Uint64()), math.Float64frombits(r.Uint64())
		check(x, y)
		check(x, math.Float64frombits(r.Uint64()>>uint(r.IntN(40))))
		check(r.Float64()*1000, r.Float64())
	}
	check(math.MaxFloat64, 5e-324)
	check(math.MaxFloat64, 3*5e-324)
}

func TestActivationsWithParameters(t *testing.T) {
	wide := func(x, a float64) float64 {
		if x > 0 {
			return x
		}
		return a * math.Expm1(x)
	}
	for _, x := range specials {
		for _, a := range []float32{0.5, 1, 1.6732632, -1, 0} {
			w, wa := float64(x), float64(a)
			for _, c := range []struct {
				name      string
				got       float32
				want, ulp float64
			}{
				{"elu", elu(x, a), wide(w, wa), 0.51},
				{"selu", selu(x, a, 1.0507), float64(float32(1.0507)) * wide(w, wa), 0.51},
				{"quick_gelu", QuickGelu32(x, 1), float64(Silu32(x)), 0},
			} {
				if e := ulps(c.got, c.want); e > c.ulp {
					t.Errorf("%s(%g; %g) = %g, want %g", c.name, x, a, c.got, c.want)
				}
			}
			if a != 0 {
				want := max(w, 0) + min(0, wa*math.Expm1(w/wa))
				if e := ulps(celu(x, a), want); e > 0.51 {
					t.Errorf("celu(%g; %g) = %g, want %g", x, a, celu(x, a), want)
				}
			}
		}
	}
}

func TestOdd(t *testing.T) {
	// Rounding to odd, then to a coarse type, must be one rounding: to whole
	// numbers of 8 bits here, as bfloat16 has them.
	coarse := func(v *big.Float) float64 {
		f, _ := new(big.Float).SetPrec(8).Set(v).Float64()
		return f
	}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 50000 {
		u := r.Uint64() >> uint(i%60)
		if i%2 == 0 { // one bit beside a tie of the coarse type
			u = (uint64(257+2*(i%100)) << uint(20+i%30)) + uint64(i%3) - 1
		}
		exact := new(big.Float).SetUint64(u)
		if got, want := coarse(big.NewFloat(float64(OddUint64(u)))), coarse(exact); got != want {
			t.Fatalf("OddUint64(%d) rounds to %g, want %g", u, got, want)
		}
		v, _ := exact.Float64()
		if got, want := coarse(big.NewFloat(float64(OddFloat32(-v)))), coarse(big.NewFloat(-v)); got != want {
			t.Fatalf("OddFloat32(%g) rounds to %g, want %g", -v, got, want)
		}
	}
}
