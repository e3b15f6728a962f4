package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// serveBytes loads a model on the real host and runs it to its end.
func serveBytes(t *testing.T, file []byte, args ...kernels.Tensor) ([]kernels.Tensor, *abi.Fault) {
	t.Helper()
	out, f, err := serveUntil(t, context.Background(), file, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out, f
}

// serveUntil also says why the host ended the run, if it did.
func serveUntil(t *testing.T, ctx context.Context, file []byte, args ...kernels.Tensor) ([]kernels.Tensor, *abi.Fault, error) {
	t.Helper()
	limits := host.Limits{Memory: 1 << 28, Output: 1 << 24, File: 1 << 24, Work: 1 << 36}
	m, err := host.NewModel(host.Config{
		Parts: []host.Part{
			{Name: "a", Data: bytes.NewReader(file), Size: int64(len(file))},
			{Name: "b", Data: bytes.NewReader(make([]byte, 8)), Size: 8},
		},
		Limits: limits,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var model *Model
	load := m.LoadBox(context.Background(), abi.TaskModel)
	if f := scan.Catch(func() { model = Load(load) }); f != nil {
		return nil, f, nil
	}
	m.Freeze(load)
	if args == nil {
		in, _ := m.Ports()
		args = zeros(in)
	}
	run := m.RunBox(ctx, args, limits, false)
	defer run.Close()
	f := scan.Catch(func() { model.Run(run) })
	return run.Outputs(), f, run.Stopped()
}

// zeros are values for ports, with free dims of 1; large ones are left out.
func zeros(ports []abi.Port) []kernels.Tensor {
	args := make([]kernels.Tensor, len(ports))
	for i, p := range ports {
		typ := tensor.Of(tensor.DType(p.DType))
		for k, d := range p.Dims {
			typ.Dims[k], typ.Rank = max(d.Size, -d.Size), uint8(k+1)
		}
		if typ.Check() == nil && typ.Bytes() < 1<<16 {
			args[i] = kernels.Tensor{Type: typ, Data: make([]byte, typ.Bytes())}
		}
	}
	return args
}

// FuzzRun runs whatever loads.
func FuzzRun(f *testing.F) {
	f.Add([]byte(everything()))
	f.Add([]byte(modelOf(append(loopGraph("m", "", always), constantInt("m", 70)...))))
	f.Fuzz(func(t *testing.T, file []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, _, _ = serveUntil(t, ctx, file)
	})
}

func vector(vs ...float32) kernels.Tensor {
	return kernels.Tensor{Type: tensor.Of(tensor.Float32, int64(len(vs))), Data: []byte(floats(vs...))}
}

func scalars(d tensor.DType, vs ...int64) kernels.Tensor {
	t := kernels.Tensor{Type: tensor.Of(d)}
	if len(vs) != 1 {
		t.Type = tensor.Of(d, int64(len(vs)))
	}
	for _, v := range vs {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		t.Data = append(t.Data, b[:d.Size()]...)
	}
	return t
}

// show prints the type and elements of float32, int64 and bool tensors.
func show(t kernels.Tensor) string {
	var vs []any
	for p := t.Data; len(p) > 0; p = p[t.DType.Size():] {
		switch t.DType {
		case tensor.Float32:
			vs = append(vs, math.Float32frombits(binary.LittleEndian.Uint32(p)))
		case tensor.Int64:
			vs = append(vs, int64(binary.LittleEndian.Uint64(p)))
		default:
			vs = append(vs, p[0])
		}
	}
	return fmt.Sprint(t.Type.Shape(), vs)
}

const (
	onnxFloat = 1
	onnxInt64 = 7
	onnxBool  = 9
)

func names(s ...string) []string { return s }

// loopGraph is a loop that adds w to what it carries, and gives each sum as a
// slice; cond is the node that makes the condition.
func loopGraph(trips, first string, cond pb) pb {
	body := pb{}.
		msg(1, nodeOf("Add", names("c", "w"), names("d"))).
		msg(1, nodeOf("Identity", names("d"), names("e"))).
		msg(1, cond).
		msg(11, portOf("i", onnxInt64)).msg(11, portOf("going", onnxBool)).msg(11, portOf("c", onnxFloat, 1)).
		msg(12, portOf("on", onnxBool)).msg(12, portOf("d", onnxFloat, 1)).msg(12, portOf("e", onnxFloat, 1))
	return pb{}.
		msg(1, nodeOf("Loop", names(trips, first, "x"), names("y", "z"), graphAttr("body", body))).
		msg(1, nodeOf("Shape", names("z"), names("n"))).
		msg(5, rawOf("w", []int64{1}, floats(1))).
		msg(11, portOf("x", onnxFloat, 1)).
		msg(12, portOf("y", onnxFloat, 1)).msg(12, portOf("n", onnxInt64, 2)).msg(12, portOf("z", onnxFloat, -1, 1))
}

func constantInt(name string, v int64) pb {
	return pb{}.msg(5, pb{}.num(2, onnxInt64).packed(7, v).str(8, name))
}

var (
	always = nodeOf("Identity", names("going"), names("on"))
)

func TestControl(t *testing.T) {
	truth := pb{}.msg(11, portOf("b", onnxBool)).msg(5, pb{}.num(2, onnxBool).num(5, 1).str(8, "true"))
	branches := func(n int64) pb {
		branch := func(op string) pb {
			return pb{}.msg(1, nodeOf(op, names("x"), names("r"))).msg(12, pb{}.str(1, "r"))
		}
		return pb{}.
			msg(1, nodeOf("If", names("b"), names("y"), graphAttr("then_branch", branch("Neg")), graphAttr("else_branch", branch("Frobnicate")))).
			msg(11, portOf("x", onnxFloat, n)).msg(12, portOf("y", onnxFloat, n))
	}
	whileBody := func(first string) pb {
		cond := pb{}.
			msg(1, nodeOf("Add", names("c", "w"), names("d"))).
			msg(1, nodeOf("Squeeze", names("d"), names("sum"))).
			msg(1, nodeOf("Less", names("sum", "limit"), names("on"))).
			msg(11, portOf("i", onnxInt64)).msg(11, portOf("going", onnxBool)).msg(11, portOf("c", onnxFloat, 1)).
			msg(12, portOf("on", onnxBool)).msg(12, portOf("d", onnxFloat, 1)).msg(12, portOf("i", onnxInt64))
		return pb{}.
			msg(1, nodeOf("Loop", names("", first, "x"), names("y", "turns"), graphAttr("body", cond))).
			msg(5, rawOf("w", []int64{1}, floats(1))).
			msg(5, rawOf("limit", nil, floats(100))).
			msg(11, portOf("x", onnxFloat, 1)).
			msg(12, portOf("y", onnxFloat, 1)).msg(12, portOf("turns", onnxInt64, -1))
	}
	scale := pb{}.str(1, "scale").str(4, "a").str(5, "b").str(6, "by").str(10, "own").msg(9, pb{}.num(2, 17)).
		msg(7, nodeOf("Constant", nil, names("k"), pb{}.str(1, "value_float").num(20, attrFloat).str(21, "by"))).
		msg(7, nodeOf("Mul", names("a", "k"), names("b")))
	callScale := func(by float32) pb {
		return nodeOf("scale", names("x"), names("y"), pb{}.str(1, "by").float(2, by).num(20, attrFloat)).str(7, "own")
	}
	scanBody := pb{}.
		msg(1, nodeOf("Add", names("state", "slice"), names("next"))).
		msg(1, nodeOf("Mul", names("next", "slice"), names("product"))).
		msg(11, portOf("state", onnxFloat)).msg(11, portOf("slice", onnxFloat)).
		msg(12, portOf("next", onnxFloat)).msg(12, portOf("product", onnxFloat))
	scanOf := func(n int64, attrs ...pb) pb {
		attrs = append(attrs, graphAttr("body", scanBody), intAttr("num_scan_inputs", 1))
		return pb{}.
			msg(1, nodeOf("Scan", names("zero", "x"), names("y", "z"), attrs...)).
			msg(5, rawOf("zero", nil, floats(0))).
			msg(11, portOf("x", onnxFloat, n)).msg(12, portOf("y", onnxFloat)).msg(12, portOf("z", onnxFloat, n))
	}
	// Columns are scanned, and what they sum to is stacked as columns.
	columnBody := pb{}.
		msg(1, nodeOf("Add", names("state", "column"), names("next"))).
		msg(1, nodeOf("Identity", names("next"), names("given"))).
		msg(11, portOf("state", onnxFloat, 2)).msg(11, portOf("column", onnxFloat, 2)).
		msg(12, portOf("next", onnxFloat, 2)).msg(12, portOf("given", onnxFloat, 2))
	columns := pb{}.
		msg(1, nodeOf("Scan", names("zero", "x"), names("y", "z"), graphAttr("body", columnBody), intAttr("num_scan_inputs", 1),
			intsAttr("scan_input_axes", 1), intsAttr("scan_output_axes", -1))).
		msg(5, rawOf("zero", []int64{2}, floats(0, 0))).
		msg(11, portOf("x", onnxFloat, 2, 5)).msg(12, portOf("y", onnxFloat, 2)).msg(12, portOf("z", onnxFloat, 2, 5))
	// A loop without a trip count, whose condition compares counters as floats.
	countBody := pb{}.
		msg(1, nodeOf("Add", names("c", "w"), names("d"))).
		msg(1, nodeOf("Add", names("k", "one"), names("l"))).
		msg(1, nodeOf("Cast", names("l"), names("f"), intAttr("to", onnxFloat))).
		msg(1, nodeOf("Less", names("f", "ten"), names("on"))).
		msg(11, portOf("i", onnxInt64)).msg(11, portOf("going", onnxBool)).msg(11, portOf("c", onnxFloat, 1)).msg(11, portOf("k", onnxInt64)).
		msg(12, portOf("on", onnxBool)).msg(12, portOf("d", onnxFloat, 1)).msg(12, portOf("l", onnxInt64)).msg(12, portOf("i", onnxInt64))
	counted := pb{}.
		msg(1, nodeOf("Loop", names("", "", "x", "zero"), names("y", "", "turns"), graphAttr("body", countBody))).
		msg(5, rawOf("w", []int64{1}, floats(1))).msg(5, rawOf("ten", nil, floats(10))).
		msg(5, rawOf64("one", nil, 1)).msg(5, rawOf64("zero", nil, 0)).
		msg(11, portOf("x", onnxFloat, 1)).msg(12, portOf("y", onnxFloat, 1)).msg(12, portOf("turns", onnxInt64, -1))
	counting := nodeOf("Less", names("i", "six"), names("on"))
	long := make([]float32, 100)
	for i := range long {
		long[i] = 1
	}

	for _, test := range []struct {
		name string
		file pb
		args []kernels.Tensor
		want []string // or the text of a fault
	}{
		{"if, taken", modelOf(append(branches(2), truth...)), []kernels.Tensor{vector(1, 2), scalars(tensor.Bool, 1)}, names("[2] [-1 -2]")},
		{"if, of an unknown operator", modelOf(append(branches(2), truth...)), []kernels.Tensor{vector(1, 2), scalars(tensor.Bool, 0)}, names("operator Frobnicate (version 17) is not supported")},
		{"loop of 3", modelOf(append(loopGraph("m", "", always), constantInt("m", 3)...)), []kernels.Tensor{vector(0)}, names("[1] [3]", "[2] [3 1]", "[3 1] [1 2 3]")},
		{"loop of none", modelOf(append(loopGraph("m", "", always), constantInt("m", 0)...)), []kernels.Tensor{vector(5)}, names("[1] [5]", "[2] [0 1]", "[0 1] []")},
		{"loop of 200", modelOf(append(loopGraph("m", "", always), constantInt("m", 200)...)), []kernels.Tensor{vector(0)}, names("[1] [200]", "[2] [200 1]")},
		{"loop of as many as the input says", modelOf(loopGraph("m", "", always).msg(11, portOf("m", onnxInt64))), []kernels.Tensor{vector(0), scalars(tensor.Int64, 70)}, names("[1] [70]", "[2] [70 1]")},
		{"loop until a condition", modelOf(whileBody("")), []kernels.Tensor{vector(96.5)}, names("[1] [100.5]", "[4] [0 1 2 3]")},
		{"loop until a condition, once", modelOf(whileBody("")), []kernels.Tensor{vector(200)}, names("[1] [201]", "[1] [0]")},
		{"function with an attribute", modelOf(pb{}.msg(1, callScale(3)).msg(11, portOf("x", onnxFloat, 2)).msg(12, portOf("y", onnxFloat, 2)), ownOpset, pb{}.msg(25, scale)), []kernels.Tensor{vector(1, 2)}, names("[2] [3 6]")},
		{"scan of 3", modelOf(scanOf(3)), []kernels.Tensor{vector(1, 2, 3)}, names("[] [6]", "[3] [1 6 18]")},
		{"scan of 3 from the end", modelOf(scanOf(3, intsAttr("scan_input_directions", 1), intsAttr("scan_output_directions", 1))), []kernels.Tensor{vector(1, 2, 3)}, names("[] [6]", "[3] [6 10 9]")},
		{"scan of 6", modelOf(scanOf(6)), []kernels.Tensor{vector(1, 2, 3, 4, 5, 6)}, names("[] [21]", "[6] [1 6 18 40 75 126]")},
		{"scan of 6 from the end", modelOf(scanOf(6, intsAttr("scan_input_directions", 1), intsAttr("scan_output_directions", 1))), []kernels.Tensor{vector(1, 2, 3, 4, 5, 6)}, names("[] [21]", "[6] [21 40 54 60 55 36]")},
		{"scan of 6 from the end, stacked in order", modelOf(scanOf(6, intsAttr("scan_input_directions", 1))), []kernels.Tensor{vector(1, 2, 3, 4, 5, 6)}, names("[] [21]", "[6] [36 55 60 54 40 21]")},
		{"scan of columns into columns", modelOf(columns), []kernels.Tensor{dims{2, 5}.floats(1, 2, 3, 4, 5, 10, 20, 30, 40, 50)}, names("[2] [15 150]", "[2 5] [1 3 6 10 15 10 30 60 100 150]")},
		{"loop until a count", modelOf(counted), []kernels.Tensor{vector(0)}, names("[1] [10]", "[10] [0 1 2 3 4 5 6 7 8 9]")},
		{"loop of billions until the sixth turn", modelOf(append(loopGraph("m", "", counting).msg(5, rawOf64("six", nil, 6)), constantInt("m", 1<<40)...)), []kernels.Tensor{vector(0)}, names("[1] [7]", "[2] [7 1]", "[7 1] [1 2 3 4 5 6 7]")},
		{"scan of none", modelOf(scanOf(0)), []kernels.Tensor{vector()}, names("[] [0]", "[0] []")},
		{"attribute that nobody reads", modelOf(pb{}.msg(1, nodeOf("Neg", names("x"), names("y"), intAttr("speed", 9))).msg(11, portOf("x", onnxFloat, 1)).msg(12, portOf("y", onnxFloat, 1))), []kernels.Tensor{vector(1)}, names(`attribute "speed" is not supported`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, f := serveBytes(t, test.file, test.args...)
			if f != nil {
				if !strings.Contains(f.Text, test.want[0]) || f.Node == "" || f.Offset <= 0 {
					t.Errorf("%+v", *f)
				}
				return
			}
			for i, want := range test.want {
				if got := show(out[i]); got != want {
					t.Errorf("output %d: %s, want %s", i, got, want)
				}
			}
		})
	}
	t.Run("scan of 100", func(t *testing.T) {
		out, f := serveBytes(t, modelOf(scanOf(100)), vector(long...))
		if f != nil {
			t.Fatalf("%+v", *f)
		}
		if got := show(out[0]); got != "[] [100]" || !strings.HasPrefix(show(out[1]), "[100] [1 2 3 4 ") {
			t.Error(got, show(out[1]))
		}
	})
}

// TestEndless: a loop that its model never ends runs until the host ends it.
func TestEndless(t *testing.T) {
	growing := nodeOf("Concat", names("c", "w"), names("d"), intAttr("axis", 0))
	adding := nodeOf("Add", names("c", "w"), names("d"))
	comparing := []pb{nodeOf("Squeeze", names("d"), names("sum")), nodeOf("Less", names("zero", "sum"), names("on"))}
	for _, test := range []struct {
		name string
		body []pb
		want error
	}{
		{"adding", []pb{adding, always}, host.ErrTime},
		{"comparing", append([]pb{adding}, comparing...), host.ErrTime},
		{"growing", []pb{growing, always}, host.ErrTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body pb
			for _, n := range test.body {
				body = body.msg(1, n)
			}
			body = body.
				msg(11, portOf("i", onnxInt64)).msg(11, portOf("going", onnxBool)).msg(11, portOf("c", onnxFloat, -1)).
				msg(12, portOf("on", onnxBool)).msg(12, portOf("d", onnxFloat, -1))
			file := modelOf(pb{}.
				msg(1, nodeOf("Loop", names("", "", "x"), names("y"), graphAttr("body", body))).
				msg(5, rawOf("w", []int64{1}, floats(1))).
				msg(5, rawOf("zero", nil, floats(0))).
				msg(11, portOf("x", onnxFloat, 1)).msg(12, portOf("y", onnxFloat, -1)))
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			_, f, err := serveUntil(t, ctx, file, vector(1))
			if !errors.Is(err, test.want) {
				t.Errorf("%v, %+v, want %v", err, f, test.want)
			}
		})
	}
}

func intsAttr(name string, vs ...int64) pb {
	return pb{}.str(1, name).packed(8, vs...).num(20, attrInts)
}

// A loop over a sequence is one operation of a plan, whatever its length.
func TestLoopsAreServed(t *testing.T) {
	body := pb{}.
		msg(1, nodeOf("Gather", names("x", "i"), names("row"))).
		msg(1, nodeOf("Add", names("c", "row"), names("d"))).
		msg(1, nodeOf("Mul", names("d", "row"), names("e"))).
		msg(1, nodeOf("Less", names("i", "n"), names("on"))).
		msg(11, portOf("i", onnxInt64)).msg(11, portOf("going", onnxBool)).msg(11, portOf("c", onnxFloat)).
		msg(12, portOf("on", onnxBool)).msg(12, portOf("d", onnxFloat)).msg(12, portOf("e", onnxFloat))
	file := modelOf(pb{}.
		msg(1, nodeOf("Size", names("x"), names("n"))).
		msg(1, nodeOf("Loop", names("n", "", "zero"), names("y", "z"), graphAttr("body", body))).
		msg(5, rawOf("zero", nil, floats(0))).
		msg(11, portOf("x", onnxFloat, -1)).msg(12, portOf("y", onnxFloat)).msg(12, portOf("z", onnxFloat, -1)))
	m := planned(t, file)
	m.enter(vector(1, 2, 3, 4, 5))
	for _, c := range []struct {
		x    []float32
		want []string
	}{
		{[]float32{1, 2, 3, 4, 5}, names("[] [15]", "[5] [1 6 18 40 75]")},
		{[]float32{1, 1, 1, 1}, names("[] [4]", "[4] [1 2 3 4]")},
		{[]float32{2, 0, 0, 0, 0, 0, 1}, names("[] [3]", "[7] [4 0 0 0 0 0 3]")},
	} {
		out, err := m.serve(vector(c.x...))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got := show(out[i]); got != want {
				t.Errorf("%v: output %d: %s, want %s", c.x, i, got, want)
			}
		}
	}
}
