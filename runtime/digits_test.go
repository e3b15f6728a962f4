package runtime

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

const models = "../testdata/models"

// shared is one compiled guest for all tests: compiling takes most of a second.
var shared = kept{&compiled{}}

type kept struct{ *compiled }

func (kept) close() {}

func open(t *testing.T, c Config) *Runtime {
	t.Helper()
	rt, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	rt.guests = shared
	t.Cleanup(func() { rt.Close() })
	return rt
}

func digits(t *testing.T, rt *Runtime) *Model {
	t.Helper()
	m, err := rt.LoadFile(t.Context(), filepath.Join(models, "digits.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(models, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// images is n random images.
func images(t *testing.T, n int, seed uint64) Values {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	data := make([]float32, n*64)
	for i := range data {
		data[i] = rng.Float32()
	}
	x, err := Of(data, n, 1, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	return Values{"image": x}
}

func scores(t *testing.T, res *Result) []float32 {
	t.Helper()
	x, err := res.Tensor("probabilities")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Slice[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDigits(t *testing.T) {
	rt := open(t, Config{})
	m := digits(t, rt)
	spec, err := m.Inputs()[0].Image()
	if err != nil {
		t.Fatal(err)
	}
	for want, name := range []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"} {
		x, err := rt.Decode(t.Context(), Bytes(name, file(t, name+".png")), spec)
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Run(t.Context(), Values{"image": x})
		if err != nil {
			t.Fatal(err)
		}
		s := scores(t, res)
		if got := slices.Index(s, slices.Max(s)); got != want {
			t.Errorf("%s is taken for %d: %v", name, got, s)
		}
		if entered := want == 0; entered != (res.Cost.GuestFuel > 0) {
			t.Errorf("run %d took %d of fuel", want, res.Cost.GuestFuel)
		}
	}
	if s := m.Stats(); s.Entered != 1 || s.Served != 9 {
		t.Errorf("%+v", s)
	}
}

func TestDigitsReference(t *testing.T) {
	rt := open(t, Config{})
	m := digits(t, rt)
	read := func(name string) Tensor {
		x, err := rt.Decode(t.Context(), Bytes(name, file(t, "test_data_set_0/"+name)), ImageSpec{})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	res, err := m.Run(t.Context(), Values{"image": read("input_0.pb")})
	if err != nil {
		t.Fatal(err)
	}
	want, err := Slice[float32](read("output_0.pb"))
	if err != nil {
		t.Fatal(err)
	}
	got := scores(t, res)
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range got {
		if d := got[i] - want[i]; d > 1e-4 || d < -1e-4 {
			t.Errorf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// TestOtherSizesStayOutOfTheBox runs batches that no plan was made for.
func TestOtherSizesStayOutOfTheBox(t *testing.T) {
	m := digits(t, open(t, Config{}))
	for n := 1; n <= 5; n++ {
		res, err := m.Run(t.Context(), images(t, n, 1))
		if err != nil {
			t.Fatal(err)
		}
		if s := scores(t, res); len(s) != 10*n {
			t.Errorf("a batch of %d gave %d scores", n, len(s))
		}
	}
	if s := m.Stats(); s.Entered > 2 {
		t.Errorf("the box was entered %d times", s.Entered)
	}
}

// TestSameBits runs the same request from eight goroutines, with one thread
// and with several, with plans and without.
func TestSameBits(t *testing.T) {
	var want []float32
	for _, threads := range []int{1, 4} {
		m := digits(t, open(t, Config{Threads: threads}))
		var wg sync.WaitGroup
		results := make([][]float32, 8)
		for i := range results {
			wg.Go(func() {
				for range 5 {
					res, err := m.Run(t.Context(), images(t, 16, 7))
					if err != nil {
						t.Error(err)
						return
					}
					results[i] = scores(t, res)
				}
			})
		}
		wg.Wait()
		if want == nil {
			want = results[0]
		}
		for i, got := range results {
			if !slices.Equal(got, want) {
				t.Errorf("%d threads, goroutine %d: other bits", threads, i)
			}
		}
		one := m.Stats().Memory
		if _, err := m.Run(t.Context(), images(t, 16, 8)); err != nil || m.Stats().Memory != one {
			t.Errorf("a further run changed what the model holds: %d, %d, %v", one, m.Stats().Memory, err)
		}
	}
}

func TestDigitsLimits(t *testing.T) {
	rt := open(t, Config{})
	path := filepath.Join(models, "digits.onnx")
	for _, c := range []struct {
		limits Limits
		want   error
	}{
		{Limits{Memory: 1 << 20}, ErrMemory},
		{Limits{Work: 1000}, ErrWork},
		{Limits{Time: 1}, ErrTime},
		{Limits{File: 1000}, ErrFile},
	} {
		if _, err := rt.LoadFile(WithLimits(t.Context(), c.limits), path); !errors.Is(err, c.want) {
			t.Errorf("load with %+v: %v", c.limits, err)
		}
	}
	m := digits(t, rt)
	if _, err := m.Run(t.Context(), images(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limits Limits
		want   error
	}{
		{Limits{Memory: 1 << 10}, ErrMemory},
		{Limits{Work: 100}, ErrWork},
		{Limits{Time: 1}, ErrTime},
		{Limits{Output: 39}, ErrOutput},
		{Limits{Output: 40}, nil},
	} {
		if _, err := m.Run(WithLimits(t.Context(), c.limits), images(t, 1, 1)); !errors.Is(err, c.want) {
			t.Errorf("run with %+v: %v", c.limits, err)
		}
	}
}

// TestDamagedFiles cuts and flips the model. Whatever comes of it, it is a
// model or a Fault that blames the file.
func TestDamagedFiles(t *testing.T) {
	rt := open(t, Config{})
	whole := file(t, "digits.onnx")
	rng := rand.New(rand.NewPCG(1, 2))
	try := func(name string, b []byte) {
		m, err := rt.Load(t.Context(), Bytes(name, b))
		if err == nil {
			_, err = m.Run(t.Context(), images(t, 1, 1))
			m.Close()
		}
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := rt.Inspect(t.Context(), Bytes(name, b)); err != nil {
			t.Errorf("inspect %s: %v", name, err)
		}
	}
	for range 12 {
		try("cut", whole[:rng.IntN(len(whole))])
		b := bytes.Clone(whole)
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		try("flipped", b)
		b = bytes.Clone(whole)
		b[rng.IntN(200)] ^= 1 << rng.IntN(8)
		try("flipped head", b)
	}
	try("empty", nil)
}

// changing is a file that is another one each time it is read.
type changing struct {
	b  []byte
	mu sync.Mutex
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := bytes.NewReader(c.b).ReadAt(p, off)
	c.b[len(c.b)-1]++
	return n, err
}

func TestFileChangesInUse(t *testing.T) {
	rt := open(t, Config{})
	b := file(t, "digits.onnx")
	m, err := rt.Load(t.Context(), Part{Name: "m", Data: &changing{b: b}, Size: int64(len(b))})
	if err == nil {
		_, err = m.Run(t.Context(), images(t, 1, 1))
	}
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if _, err := rt.Load(t.Context(), Part{Name: "m", Data: bytes.NewReader(b), Size: int64(len(b) + 1)}); !errors.Is(err, ErrChanged) {
		t.Errorf("a file shorter than it was said to be: %v", err)
	}
}

func TestCloseUnderLoad(t *testing.T) {
	for range 8 {
		rt := open(t, Config{Threads: 2})
		m := digits(t, rt)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
					_, err := m.Run(ctx, images(t, 1+n%20+i, 3))
					cancel()
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil && !errors.Is(err, ErrTime) {
						t.Error(err)
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		if rand.IntN(2) == 0 {
			m.Close()
		}
		rt.Close()
		wg.Wait()
	}
}
