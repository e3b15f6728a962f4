package onnx

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
)

// TestHostileNodes gives the nodes of ONNX's cases attributes and inputs that
// make no sense. A lowering may refuse them or compute something; it may not
// panic, which would name no node, nor go on for ever.
func TestHostileNodes(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(conformance, "*", "model.onnx"))
	if len(files) == 0 {
		t.Skip("no conformance cases at " + conformance)
	}
	const times, seed = 4, 2
	random := rand.New(rand.NewPCG(1, seed))
	for _, file := range files {
		p, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for range times {
			if err := serveSpoiled(p, filepath.Join(filepath.Dir(file), "test_data_set_0"), random); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
}

func serveSpoiled(p []byte, data string, random *rand.Rand) (err error) {
	limits := host.Limits{Memory: 1 << 28, Output: 1 << 26, File: 1 << 28, Work: 1 << 28}
	m, err := host.NewModel(host.Config{Parts: []host.Part{{Data: bytes.NewReader(p), Size: int64(len(p))}}, Limits: limits})
	if err != nil {
		return err
	}
	defer m.Close()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	var model *Model
	load := m.LoadBox(context.Background(), abi.TaskModel)
	if scan.Catch(func() { model = Load(load) }) != nil {
		return nil
	}
	m.Freeze(load)
	in, _ := m.Ports()
	args, err := values(data, "input", in)
	if err != nil {
		return nil
	}
	for i := range model.m.graph.nodes {
		spoil(&model.m.graph.nodes[i], random)
	}
	run := m.RunBox(context.Background(), args, limits, false)
	defer run.Close()
	scan.Catch(func() { model.Run(run) })
	return nil
}

// spoil changes an attribute or an input of n, or leaves it as it is.
func spoil(n *node, random *rand.Rand) {
	if n.op == "Loop" || n.op == "Scan" {
		return
	}
	strange := [...]int64{0, 1, -1, 2, 3, -2, 7, 8, -9, 63, 64, 1 << 20, 1 << 31, -1 << 31, 1 << 40, 1<<63 - 1, -1 << 63}
	number := func() int64 { return strange[random.IntN(len(strange))] }
	if len(n.attrs) > 0 && random.IntN(3) > 0 {
		a := &n.attrs[random.IntN(len(n.attrs))]
		a.i = number()
		a.f = float32(number())
		switch random.IntN(4) {
		case 0:
			a.name = "other"
		case 1:
			a.ints, a.floats, a.strs = nil, nil, nil
		case 2:
			a.ints, a.floats = append(a.ints, number()), append(a.floats, float32(number()))
		default:
			for i := range a.ints {
				a.ints[i] = number()
			}
		}
	}
	if len(n.in) > 0 && random.IntN(3) == 0 {
		switch i := random.IntN(len(n.in)); random.IntN(4) {
		case 0:
			n.in[i] = 0
		case 1:
			n.in = n.in[:i]
		case 2:
			n.in = append(n.in, n.in[i])
		default:
			n.in[i] = n.in[random.IntN(len(n.in))]
		}
	}
	if random.IntN(8) == 0 {
		n.version = 1 + random.Int64N(28)
	}
}
