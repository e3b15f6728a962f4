package simd

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/host/pages"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// eachLevel runs a test at every level that this machine has.
func eachLevel(t *testing.T, test func(t *testing.T)) {
	defer func(l level) { active = l }(active)
	for name, l := range levelNames {
		if l > best {
			t.Logf("no %s here", name)
			continue
		}
		active = l
		t.Run(name, test)
	}
}

// special are the values that instructions and Go may treat differently.
var special = []uint32{
	0, 1 << 31, 1, 1<<31 | 1, 0x007fffff, 0x00800000, 0x807fffff, 0x80800000, // zeros, subnormals
	0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, // largest, infinite
	0x7fc00000, 0xffc00001, 0x7f800001, 0xffbfffff, // quiet and signalling NaNs
	0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x3f000000, 0x40200000, 0xc0200000, 0x4b000000, 0x4b000001,
}

// values fills x with ordinary numbers, awkward ones and special ones.
func values(r *rand.Rand, x []float32) {
	copy(x, awkward(r, len(x)))
	for i := range x {
		if r.IntN(8) == 0 {
			x[i] = math.Float32frombits(special[r.IntN(len(special))])
		}
	}
}

// A fence hands out memory that touches an unmapped page in front or behind.
type fence struct{ front, back *pages.Region }

func newFence(t *testing.T, floats int) fence {
	t.Helper()
	var f fence
	for _, m := range []struct {
		to    **pages.Region
		alloc func(int64) (*pages.Region, error)
	}{{&f.front, pages.Alloc}, {&f.back, pages.AllocFlush}} {
		r, err := m.alloc(int64(4 * floats))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Free() })
		*m.to = r
	}
	return f
}

// take is n floats at one of the two guards, with the values of x as far as
// they go.
func (f fence) take(r *rand.Rand, n int) []float32 {
	if r.IntN(2) == 0 {
		return tensor.View[float32](f.front.Bytes())[:n:n]
	}
	v := tensor.View[float32](f.back.Bytes())
	return v[len(v)-n:]
}

// sameBits reports whether a and b have the same bits or are both NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// AVX2 has sixteen vector registers and no masks. With another an instruction
// is one of AVX-512, which a machine with both takes without complaint.
func TestAVX2Registers(t *testing.T) {
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatal("no assembly", err)
	}
	foreign := regexp.MustCompile(`\b([XY](1[6-9]|[23][0-9])|Z[0-9]+|K[0-7])\b`)
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		function := ""
		for n, line := range strings.Split(string(source), "\n") {
			if strings.HasPrefix(line, "TEXT ") {
				function = strings.Fields(line)[1]
			}
			if strings.Contains(function, "256") && foreign.MatchString(line) {
				t.Errorf("%s:%d: %s has %s", name, n+1, function, strings.TrimSpace(line))
			}
		}
	}
}

// Subnormal numbers are zeros for a product: one of each kind gives what zeros
// in their place give.
func TestFlush(t *testing.T) {
	tiny := math.Float32frombits(0x007fffff)
	for _, c := range []struct{ got, want float32 }{
		{FMANormal(tiny, 0x1p100, 1), 1}, {FMANormal(1, 1, -tiny), 1}, {FMANormal(0x1p-63, 0x1p-64, 0), 0},
		{FMANormal(-0x1p-63, 0x1p-63, 0), -0x1p-126}, {FMANormal(1-0x1p-24, 0x1p-126, 0), 0},
		{FMANormal(1-0x1p-24, 0x1p-126*(1+0x1p-23), 0), 0x1p-126},
		{sumOf[float32](0x1p-125, -0x1.8p-126), 0}, {sumOf[float32](0x1p-126, tiny), 0x1p-126},
		{productOf[float32](0x1p-100, 0x1p-27), 0}, {quotientOf[float32](0x1p-126, 2), 0}, {quotientOf(1, tiny), float32(math.Inf(1))},
	} {
		if c.got != c.want {
			t.Errorf("%g, want %g", c.got, c.want)
		}
	}
	if x := FMANormal(-0x1p-63, 0x1p-64, float32(math.Copysign(0, -1))); x != 0 || !math.Signbit(float64(x)) {
		t.Errorf("%g where a negative number is flushed", x)
	}
	if x := sumOf(0x1p-1030, 0x1p-1030); x != 0x1p-1029 {
		t.Errorf("%g of float64s", x)
	}
}

// Products that lie next to the smallest normal number are rounded before they
// are compared with it.
func TestFlushAfterRounding(t *testing.T) {
	if runtime.GOARCH == "arm64" {
		t.Skip("arm64 compares before")
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		var b [Panel]float32
		for range 10000 {
			a := 0.5 + r.Float32()/2
			for j := range b {
				b[j] = math.Float32frombits(math.Float32bits(0x1p-126/a) + uint32(r.IntN(5)) - 2)
			}
			var got [Panel]float32
			Gemm(got[:], Panel, []float32{a}, 1, b[:], Panel, 1, Panel, 1, false, &Ending{})
			for j, v := range b {
				if want := FMANormal(a, v, 0); got[j] != want {
					t.Fatalf("%b·%b is %b, want %b", a, v, got[j], want)
				}
			}
		}
	})
}
