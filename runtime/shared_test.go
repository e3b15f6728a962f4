package runtime

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared data lies beside the checkout, or nowhere.
func sharedFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("../../shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the shared models are not beside the checkout: ", err)
	}
	return path
}

func noise(t *testing.T, shape ...int) Tensor {
	t.Helper()
	n := 1
	for _, d := range shape {
		n *= d
	}
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	data := make([]float32, n)
	for i := range data {
		data[i] = rng.Float32()
	}
	x, err := Of(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A text recogniser whose width is free enters the guest once: other widths
// bind its plan, from eight goroutines at once, and give the bits that a fresh
// model gives.
func TestOtherSizesBindThePlan(t *testing.T) {
	path := sharedFile(t, "models/ppocr-v4/rec.onnx")
	rt := open(t, Config{})
	run := func(m *Model, width int) []byte {
		in := Values{m.Inputs()[0].Name: noise(t, 1, 3, 48, width)}
		res, err := m.Run(t.Context(), in)
		if err != nil {
			t.Error(err)
			return nil
		}
		y, err := res.Tensor(m.Outputs()[0].Name)
		if err != nil {
			t.Error(err)
		}
		return y.Bytes()
	}
	load := func() *Model {
		m, err := rt.LoadFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	widths := []int{64, 96, 48}
	want := map[int][]byte{}
	for _, w := range widths {
		m := load()
		want[w] = run(m, w)
		m.Close()
	}
	m := load()
	defer m.Close()
	run(m, widths[0])
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range widths {
				w := widths[(g+i)%len(widths)]
				if !bytes.Equal(run(m, w), want[w]) {
					t.Errorf("width %d gives other bits than a fresh model", w)
				}
			}
		})
	}
	wg.Wait()
	if s := m.Stats(); s.Entered != 1 || s.Served != 24 {
		t.Errorf("the guest was entered %d times and %d runs were served, want 1 and 24", s.Entered, s.Served)
	}
}
