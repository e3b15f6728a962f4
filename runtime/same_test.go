package runtime

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"
)

// TestSeedsChangeNothing has the guest hash its maps in three ways. What it
// says of a file, and what a model gives, is the same.
func TestSeedsChangeNothing(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(models, "*.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	lies, err := filepath.Glob("../testdata/hostile/onnx/*.onnx")
	if err != nil || len(files) == 0 || len(lies) == 0 {
		t.Fatal("no files", err)
	}
	var first map[string]string
	for seed := range uint64(3) {
		rt := open(t, Config{Seed: seed})
		said := map[string]string{}
		for _, name := range append(files, lies...) {
			parts, done := partsOf(t, name)
			report, err := rt.Inspect(t.Context(), parts...)
			done()
			text, _ := json.Marshal(report)
			said[name] = fmt.Sprintf("%s %v", text, err)
		}
		res, err := digits(t, rt).Run(t.Context(), images(t, 2, 1))
		if err != nil {
			t.Fatal(err)
		}
		said["run"] = fmt.Sprint(scores(t, res))
		if first == nil {
			first = said
		}
		for name, text := range said {
			if text != first[name] {
				t.Errorf("%s with seed %d: %s, with seed 0: %s", name, seed, text, first[name])
			}
		}
	}
}

// partsOf opens one file.
func partsOf(t *testing.T, name string) ([]Part, func()) {
	t.Helper()
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return []Part{f.Part()}, func() { f.Close() }
}

// TestWorkIsTheSameForAllValues runs a model on what makes arithmetic slow or
// could be skipped. The work that is charged is the same.
func TestWorkIsTheSameForAllValues(t *testing.T) {
	rt := open(t, Config{})
	m := digits(t, rt)
	var work uint64
	for _, v := range []float64{1, 0, 1e-40, -1e30, math.Inf(1), math.NaN()} {
		in := images(t, 3, 1)
		data, err := Slice[float32](in["image"].(Tensor))
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			data[i] = float32(v)
		}
		if _, err := m.Run(t.Context(), in); err != nil { // traces
			t.Fatal(err)
		}
		res, err := m.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if work == 0 {
			work = res.Cost.Work
		}
		if res.Cost.Work != work {
			t.Errorf("all %v takes work %d, all 1 takes %d", v, res.Cost.Work, work)
		}
	}
}
