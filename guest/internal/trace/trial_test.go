package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// trial is a model of tensors of a file and a function that traces it, on the
// real host in this process.
type trial struct {
	t      *testing.T
	model  *host.Model
	ins    []abi.Port
	consts []*Constant
	outs   int
	build  func(t *Tracer, in, w []*Value) []*Value
	spy    *spy
	rows   []row
}

var trialLimits = host.Limits{Memory: 1 << 28, Output: 1 << 26, File: 1 << 26, Work: 1 << 40}

// newTrial loads a model with the given weights. A negative dim of an input is
// free.
func newTrial(t *testing.T, ins []tensor.Type, weights []kernels.Tensor, outs int, build func(t *Tracer, in, w []*Value) []*Value) *trial {
	t.Helper()
	var file []byte
	for _, w := range weights {
		file = append(file, w.Data...)
	}
	m, err := host.NewModel(host.Config{Parts: []host.Part{{Name: "m", Data: bytes.NewReader(file), Size: int64(len(file))}}, Limits: trialLimits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	tr := &trial{t: t, model: m, outs: outs, build: build, rows: rows}
	load := m.LoadBox(context.Background(), abi.TaskModel)
	for i, typ := range ins {
		p := abi.Port{Ranked: true, DType: uint8(typ.DType), Name: fmt.Sprint("x", i)}
		for _, d := range typ.Shape() {
			p.Dims = append(p.Dims, abi.PortDim{Size: d})
		}
		tr.ins = append(tr.ins, p)
		if e := load.PortDeclare(abi.AppendPort(nil, p)); e != abi.OK {
			t.Fatal(e)
		}
	}
	for i := range outs {
		if e := load.PortDeclare(abi.AppendPort(nil, abi.Port{Output: true, Name: fmt.Sprint("y", i)})); e != abi.OK {
			t.Fatal(e)
		}
	}
	off := int64(0)
	for _, w := range weights {
		c, e := NewConstant(load, 1, off, w.Type)
		if e != abi.OK {
			t.Fatal(e)
		}
		tr.consts = append(tr.consts, c)
		off += int64(len(w.Data))
	}
	m.Freeze(load)
	return tr
}

// enter runs the trace, whether or not a plan could serve.
func (m *trial) enter(in ...kernels.Tensor) ([]kernels.Tensor, *abi.Fault) {
	m.t.Helper()
	box := m.model.RunBox(context.Background(), in, trialLimits, false)
	defer box.Close()
	m.spy = &spy{Box: box}
	fault := scan.Catch(func() {
		t := New(m.spy)
		t.rows = m.rows
		var xs, ws []*Value
		for i, p := range m.ins {
			xs = append(xs, t.Input(uint32(i), p.Dims))
		}
		for _, c := range m.consts {
			ws = append(ws, t.Constant(c))
		}
		for i, y := range m.build(t, xs, ws) {
			t.Output(uint32(i), y)
		}
		t.Finish()
	})
	if err := box.Stopped(); err != nil {
		m.t.Fatal(err)
	}
	if fault != nil {
		return nil, fault
	}
	return box.Outputs(), nil
}

// run is enter for what must work.
func (m *trial) run(in ...kernels.Tensor) []kernels.Tensor {
	m.t.Helper()
	out, fault := m.enter(in...)
	if fault != nil {
		m.t.Fatal(fault.Text)
	}
	return out
}

// serve answers from a published plan; nil, if there is none.
func (m *trial) serve(in ...kernels.Tensor) []kernels.Tensor {
	m.t.Helper()
	_, ports := m.model.Ports()
	out := make([]kernels.Tensor, len(ports))
	_, ok, err := m.model.Serve(context.Background(), in, out, trialLimits)
	if err != nil {
		m.t.Fatal(err)
	}
	if !ok {
		return nil
	}
	return out
}

// spy sees which ops are in the programs that run.
type spy struct {
	abi.Box
	building map[abi.Handle][]abi.Call
	ran      [][]abi.Call
	seals    []abi.Seal
	varies   map[abi.Handle]map[abi.Value]bool
	varying  []abi.Op // ops of the last program built that depend on its inputs
	alive    int      // programs
	tensors  int
}

func (s *spy) ProgramNew() (abi.Handle, abi.Errno) {
	s.alive++
	return s.Box.ProgramNew()
}

func (s *spy) ProgramInput(h abi.Handle, t abi.Type) (abi.Value, abi.Errno) {
	v, e := s.Box.ProgramInput(h, t)
	s.vary(h, v)
	return v, e
}

func (s *spy) vary(h abi.Handle, v abi.Value) {
	if s.varies == nil {
		s.varies = map[abi.Handle]map[abi.Value]bool{}
	}
	if s.varies[h] == nil {
		s.varies[h], s.varying = map[abi.Value]bool{}, nil
	}
	s.varies[h][v] = true
}

func (s *spy) ProgramFree(h abi.Handle) abi.Errno {
	s.alive--
	return s.Box.ProgramFree(h)
}

func (s *spy) ProgramOp(h abi.Handle, rec []byte, out []abi.Result) (int, abi.Errno) {
	n, e := s.Box.ProgramOp(h, rec, out)
	if e == abi.OK {
		c, _ := abi.DecodeCall(rec)
		if s.building == nil {
			s.building = map[abi.Handle][]abi.Call{}
		}
		s.building[h] = append(s.building[h], c)
		if slices.ContainsFunc(c.In, func(v abi.Value) bool { return s.varies[h][v] }) {
			s.varying = append(s.varying, c.Op)
			for _, r := range out[:n] {
				s.vary(h, r.Value)
			}
		}
	}
	return n, e
}

func (s *spy) ProgramSeal(h abi.Handle, rec []byte) abi.Errno {
	seal, _ := abi.DecodeSeal(rec)
	s.seals = append(s.seals, seal)
	return s.Box.ProgramSeal(h, rec)
}

func (s *spy) ProgramRun(h abi.Handle, in, out []abi.Handle) (int, abi.Errno) {
	s.ran = append(s.ran, s.building[h])
	n, e := s.Box.ProgramRun(h, in, out)
	s.tensors += n
	return n, e
}

func (s *spy) TensorFree(h abi.Handle) abi.Errno {
	s.tensors--
	return s.Box.TensorFree(h)
}

// ops are the numbers of the ops that ran, in order.
func (s *spy) ops() []abi.Op {
	var ops []abi.Op
	for _, p := range s.ran {
		for _, c := range p {
			ops = append(ops, c.Op)
		}
	}
	return ops
}

func f32(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
func i64(dims ...int64) tensor.Type { return tensor.Of(tensor.Int64, dims...) }

// filledWith is a tensor whose element k is f(k).
func filledWith(typ tensor.Type, f func(k int64) float64) kernels.Tensor {
	t := kernels.Tensor{Type: typ, Data: tensor.Aligned(typ.Bytes())}
	for k := range typ.Elems() {
		v := f(k)
		switch typ.DType {
		case tensor.Float32:
			binary.LittleEndian.PutUint32(t.Data[4*k:], math.Float32bits(float32(v)))
		case tensor.Int64:
			binary.LittleEndian.PutUint64(t.Data[8*k:], uint64(int64(v)))
		case tensor.Bool:
			t.Data[k] = byte(v)
		default:
			panic("no such type in a trial")
		}
	}
	return t
}

func random(typ tensor.Type, seed uint64) kernels.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	return filledWith(typ, func(int64) float64 { return r.Float64()*4 - 2 })
}

func counting(typ tensor.Type) kernels.Tensor {
	return filledWith(typ, func(k int64) float64 { return float64(k) })
}

func listOfInts(ns []int64) kernels.Tensor {
	t := kernels.Tensor{Type: i64(int64(len(ns)))}
	for _, n := range ns {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(n))
	}
	return t
}

// numbersOf are the elements of t.
func numbersOf(t kernels.Tensor) []float64 {
	var vs []float64
	for k := range t.Elems() {
		switch t.DType {
		case tensor.Float32:
			vs = append(vs, float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*k:]))))
		case tensor.Int64:
			vs = append(vs, float64(int64(binary.LittleEndian.Uint64(t.Data[8*k:]))))
		case tensor.Bool:
			vs = append(vs, float64(t.Data[k]))
		}
	}
	return vs
}

// equal reports equality of types and of bits.
func equal(a, b kernels.Tensor) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }
