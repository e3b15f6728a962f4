package host

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// script draws the calls of a hostile guest from fuzzed bytes.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

// num is often small, sometimes a boundary, sometimes anything.
func (s *script) num() int64 {
	switch c := s.byte(); {
	case c < 200:
		return int64(c) - 8
	case c < 240:
		edges := [...]int64{1 << 31, 1<<31 - 1, 1 << 32, 1 << 40, 1 << 46, 1<<63 - 1, -1 << 63, 1 << 62, 255, 65536}
		return edges[int(c)%len(edges)]
	}
	var w [8]byte
	for i := range w {
		w[i] = s.byte()
	}
	return int64(binary.LittleEndian.Uint64(w[:]))
}

func (s *script) typ() abi.Type {
	dims := make([]int64, int(s.byte())%10)
	for i := range dims {
		dims[i] = s.num()
	}
	return tensor.Of(tensor.DType(s.byte()%16), dims...)
}

func (s *script) words() []int64 {
	w := make([]int64, int(s.byte())%24)
	for i := range w {
		w[i] = s.num()
	}
	return w
}

// call makes one import. Whatever its arguments, it must answer or end the
// guest, and never panic.
func (s *script) call(b *Box) {
	h, g := abi.Handle(s.byte()%16), abi.Handle(s.byte()%16)
	buf := make([]byte, int(s.byte()))
	switch s.byte() % 23 {
	case 0:
		b.BlobSize(h)
	case 1:
		b.BlobRead(h, s.num(), buf)
	case 2:
		b.BlobPart(string(buf))
	case 3:
		b.BlobNew(s.num())
	case 4:
		b.BlobWrite(h, s.num(), buf)
	case 5:
		b.TensorConst(h, s.num(), s.typ())
	case 6:
		b.TensorNew(s.typ())
	case 7:
		b.TensorRead(h, s.num(), buf)
	case 8:
		b.TensorWrite(h, s.num(), buf)
	case 9:
		b.TensorFree(h)
	case 10:
		b.ProgramNew()
	case 11:
		b.ProgramInput(h, s.typ())
	case 12:
		b.ProgramConst(h, g)
	case 13, 14, 15:
		b.ProgramOp(h, s.record(), make([]abi.Result, int(s.byte())%4))
	case 16:
		seal := abi.Seal{Out: []abi.Value{abi.Value(s.byte() % 8)}}
		for range s.byte() % 3 {
			seal.Guards = append(seal.Guards, abi.Guard{Cmp: abi.Cmp(s.byte() % 6), Word: s.word(), Limit: s.num()})
		}
		b.ProgramSeal(h, abi.AppendSeal(nil, seal))
	case 17:
		in := make([]abi.Handle, int(s.byte())%4)
		for i := range in {
			in[i] = abi.Handle(s.byte() % 16)
		}
		b.ProgramRun(h, in, make([]abi.Handle, int(s.byte())%4))
	case 18:
		b.ProgramFree(h)
	case 19:
		b.ProgramPublish()
	case 20:
		b.RunOutput(uint32(s.byte()%3), h)
	case 22:
		s.repeat(b)
	case 21:
		b.Emit(abi.Emit(s.byte()%5), buf)
		b.PortDeclare(buf)
		b.RunInput(uint32(s.byte() % 3))
	}
}

// repeat repeats one of a few bodies, mostly with attributes that fit.
func (s *script) repeat(b *Box) {
	body, e := b.ProgramNew()
	if e != abi.OK {
		return
	}
	x, y := tensor.Of(tensor.Float32, 4), tensor.Of(tensor.Float32)
	b.ProgramInput(body, x)
	b.ProgramInput(body, y)
	for range s.byte() % 4 {
		b.ProgramOp(body, s.record(), make([]abi.Result, 4))
	}
	out := make([]abi.Value, int(s.byte())%4)
	for i := range out {
		out[i] = abi.Value(s.byte()%4 + 1)
	}
	b.ProgramSeal(body, abi.AppendSeal(nil, abi.Seal{Out: out}))
	p, _ := b.ProgramNew()
	b.ProgramInput(p, x)
	b.ProgramInput(p, y)
	a := &abi.Repeat{Program: int64(body), N: abi.Const(4), Fixed: int64(s.byte() % 3), Carried: int64(s.byte() % 3)}
	for range s.byte() % 4 {
		a.Back = append(a.Back, int64(s.byte()%2))
	}
	if s.byte()%8 == 0 {
		a.N = abi.Const(s.num())
	}
	in := make([]abi.Value, int(s.byte())%4)
	for i := range in {
		in[i] = abi.Value(s.byte()%2 + 1)
	}
	n, _ := b.ProgramOp(p, abi.AppendCall(nil, abi.OpRepeat, in, a), make([]abi.Result, 8))
	if s.byte()%2 == 0 {
		b.ProgramFree(body)
	}
	out = make([]abi.Value, n)
	for i := range out {
		out[i] = abi.Value(3 + i)
	}
	b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: out}))
	var args [2]abi.Handle
	for i, typ := range []abi.Type{x, y} {
		args[i], _ = b.TensorNew(typ)
	}
	b.ProgramRun(p, args[:], make([]abi.Handle, 8))
	b.ProgramFree(p)
}

func (s *script) word() abi.Word {
	return abi.Word{Of: abi.Value(s.byte() % 8), Dim: uint32(s.byte() % 9), A: s.num(), B: s.num(), D: s.num()}
}

// record is an op of the table with words of its own making, or plain noise.
func (s *script) record() []byte {
	kind := s.byte()
	if kind < 32 {
		return s.b[:min(len(s.b), int(kind)*8)]
	}
	in := make([]abi.Value, int(s.byte())%5)
	for i := range in {
		in[i] = abi.Value(s.byte() % 8)
	}
	rec := abi.AppendCall(nil, rows[int(kind)%len(rows)].op, in, nil)
	words := s.words()
	binary.LittleEndian.PutUint32(rec[8:], uint32(len(words)))
	for _, w := range words {
		rec = binary.LittleEndian.AppendUint64(rec, uint64(w))
	}
	return rec
}

// FuzzBox lets random guests call the imports: during a load, then in runs.
func FuzzBox(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 4, 10, 2, 0, 0, 11, 9, 12, 1, 2, 0, 0, 14, 40, 2, 1, 1, 1, 9})
	for i := range 64 {
		seed := make([]byte, 400)
		for j := range seed {
			seed[j] = byte(i*j*31 + j*j*7 + i)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := Limits{Memory: 4 << 20, Output: 1 << 16, File: 1 << 16, Work: 1 << 22}
		m, err := NewModel(Config{Parts: []Part{bytesPart("a", make([]byte, 4096)), bytesPart("b", make([]byte, 100))}, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		s := &script{data}
		load := m.LoadBox(context.Background(), abi.TaskModel)
		for range 20 {
			s.call(load)
		}
		m.Freeze(load)
		in := typeOfPorts(m)
		for range 2 {
			b := runBox(m, in...)
			for i := 0; i < 200 && len(s.b) > 0 && b.Stopped() == nil; i++ {
				s.call(b)
			}
			if used := b.own.total(); used > limits.Memory {
				t.Errorf("%d bytes are charged, over the limit", used)
			}
			b.Close()
			if n := b.own.used.Load(); n < 0 {
				t.Errorf("the ledger ends at %d", n)
			}
		}
		if m.Poisoned() {
			t.Error("a kernel failed")
		}
		load.Close()
		m.Close()
		if n := m.ledger.used.Load(); n < 0 {
			t.Errorf("the model's ledger ends at %d", n)
		}
	})
}
