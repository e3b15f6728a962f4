package engine

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/tetratelabs/wazero/api"
)

type fakeGlobal struct {
	api.MutableGlobal
	n uint64
}

func (g *fakeGlobal) Get() uint64  { return g.n }
func (g *fakeGlobal) Set(n uint64) { g.n = n }

// answers is a box that has all that is asked for, and counts the questions.
type answers struct {
	calls int
	last  []any
}

func (a *answers) note(args ...any) abi.Errno {
	a.calls++
	a.last = args
	return abi.OK
}

func (a *answers) BlobSize(h abi.Handle) (int64, abi.Errno) { return 1 << 40, a.note(h) }
func (a *answers) BlobRead(h abi.Handle, off int64, p []byte) abi.Errno {
	return a.note(h, off, len(p))
}
func (a *answers) BlobPart(name string) (abi.Handle, abi.Errno) { return 7, a.note(name) }
func (a *answers) BlobNew(size int64) (abi.Handle, abi.Errno)   { return 7, a.note(size) }
func (a *answers) BlobWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	return a.note(h, off, len(p))
}
func (a *answers) TensorConst(h abi.Handle, off int64, t abi.Type) (abi.Handle, abi.Errno) {
	return 7, a.note(h, off, t)
}
func (a *answers) TensorNew(t abi.Type) (abi.Handle, abi.Errno) { return 7, a.note(t) }
func (a *answers) TensorRead(h abi.Handle, off int64, p []byte) abi.Errno {
	return a.note(h, off, len(p))
}
func (a *answers) TensorWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	return a.note(h, off, len(p))
}
func (a *answers) TensorFree(h abi.Handle) abi.Errno     { return a.note(h) }
func (a *answers) ProgramNew() (abi.Handle, abi.Errno)   { return 7, a.note() }
func (a *answers) ProgramFree(h abi.Handle) abi.Errno    { return a.note(h) }
func (a *answers) ProgramPublish() abi.Errno             { return a.note() }
func (a *answers) PortDeclare(rec []byte) abi.Errno      { return a.note(len(rec)) }
func (a *answers) Emit(k abi.Emit, rec []byte) abi.Errno { return a.note(k, len(rec)) }
func (a *answers) Yield() abi.Errno                      { return a.note() }
func (a *answers) ProgramInput(h abi.Handle, t abi.Type) (abi.Value, abi.Errno) {
	return 7, a.note(h, t)
}
func (a *answers) ProgramConst(h, t abi.Handle) (abi.Value, abi.Errno) { return 7, a.note(h, t) }
func (a *answers) ProgramOp(h abi.Handle, rec []byte, out []abi.Result) (int, abi.Errno) {
	for i := range out {
		out[i] = abi.Result{Value: abi.Value(i + 1), Type: vector}
	}
	return len(out), a.note(h, len(rec), len(out))
}
func (a *answers) ProgramSeal(h abi.Handle, rec []byte) abi.Errno { return a.note(h, len(rec)) }
func (a *answers) ProgramRun(h abi.Handle, in, out []abi.Handle) (int, abi.Errno) {
	for i := range out {
		out[i] = abi.Handle(i + 1)
	}
	return len(out), a.note(h, len(in), len(out))
}
func (a *answers) RunInput(port uint32) (abi.Input, abi.Errno) {
	return abi.Input{Tensor: 7, Type: vector}, a.note(port)
}
func (a *answers) RunOutput(port uint32, h abi.Handle) abi.Errno { return a.note(port, h) }

var vector = abi.Type{DType: 1, Rank: 1, Dims: [8]int64{4}}

// shim is an instance without an engine: memory and a box.
func shim(size int64) (*Instance, *answers) {
	a := &answers{}
	return &Instance{
		mem: &linear{now: make([]byte, size), size: size}, fuel: &fakeGlobal{}, depth: &fakeGlobal{},
		ctx: context.Background(), box: a, meter: &meter{}, random: *rand.NewPCG(1, 1),
	}, a
}

func find(t testing.TB, name string) *function {
	t.Helper()
	for _, table := range [][]function{imports, wasi} {
		for k := range table {
			if table[k].name == name {
				return &table[k]
			}
		}
	}
	t.Fatalf("no import %s", name)
	return nil
}

func TestTablesAndPolicyAgree(t *testing.T) {
	for module, c := range map[string]struct {
		allowed []vet.Import
		table   []function
	}{"abi": {vet.Functions(), imports}, "wasi": {vet.WASI(), wasi}} {
		if len(c.allowed) != len(c.table) {
			t.Errorf("%s: %d imports are allowed, %d are there", module, len(c.allowed), len(c.table))
		}
		for _, imp := range c.allowed {
			f := find(t, imp.Name)
			if f.price.base == 0 {
				t.Errorf("%s is free", f.name)
			}
			if f.length.max > 0 && imp.Params[f.length.arg] != 'i' {
				t.Errorf("%s: argument %d is no length", f.name, f.length.arg)
			}
		}
	}
}

// TestOnlyTheShimSeesTheStack looks for the raw stack in the other files.
func TestOnlyTheShimSeesTheStack(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "shim.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, word := range []string{".raw", "CallWithStack", ".Call(i.", "GoModuleFunc("} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s has %s", name, word)
			}
		}
	}
}

// pointers lists the arguments of each import that point into guest memory,
// and how many bytes lie there when every length is 1.
var pointers = map[string]map[int]int64{
	"blob_size": {1: 8}, "blob_read": {2: 1}, "blob_part": {0: 1, 2: 4}, "blob_new": {1: 4}, "blob_write": {2: 1},
	"tensor_const": {2: 72, 3: 4}, "tensor_new": {0: 72, 1: 4}, "tensor_read": {2: 1}, "tensor_write": {2: 1},
	"program_new": {0: 4}, "program_input": {1: 72, 2: 4}, "program_const": {2: 4},
	"program_op": {1: 1, 3: 80, 5: 4}, "program_seal": {1: 1}, "program_run": {1: 4, 3: 4, 5: 4},
	"port_declare": {0: 1}, "run_input": {1: 80}, "emit": {1: 1},
	"tensor_free": {}, "program_free": {}, "program_publish": {}, "run_output": {}, "yield": {},
}

// TestPointers calls each import with all pointers right, then with each one
// just past the end of memory, at the end of the address space, and with a
// dirty upper half, which must make no difference.
func TestPointers(t *testing.T) {
	const size = pageSize
	const at = 1024 // what lies there is a vector's Type
	for _, imp := range vet.Functions() {
		f, where := find(t, imp.Name), pointers[imp.Name]
		if where == nil {
			t.Errorf("%s is not in the list of pointers", imp.Name)
			continue
		}
		call := func(change func(raw []uint64)) (abi.Errno, int) {
			i, a := shim(size)
			abi.AppendType(i.mem.now[at:at], vector)
			raw := make([]uint64, len(imp.Params)+1)
			for k := range imp.Params {
				raw[k] = 1
				if _, ok := where[k]; ok {
					raw[k] = at
				}
			}
			change(raw)
			e := f.enter(frame{i, raw})
			if i.end != nil {
				t.Errorf("%s ended the guest: %v", f.name, i.end)
			}
			return e, a.calls
		}
		if e, n := call(func([]uint64) {}); e != abi.OK || n != 1 {
			t.Errorf("%s: %v after %d questions", f.name, e, n)
		}
		dirty := func(raw []uint64) {
			for k, c := range imp.Params {
				if c == 'i' {
					raw[k] |= 0xdeadbeef << 32
				}
			}
		}
		if e, n := call(dirty); e != abi.OK || n != 1 {
			t.Errorf("%s with dirty upper halves: %v after %d questions", f.name, e, n)
		}
		for k, n := range where {
			for _, p := range []uint64{uint64(size - n + 1), size, math.MaxUint32 - 2, math.MaxUint32} {
				if e, asked := call(func(raw []uint64) { raw[k] = p }); e != abi.ErrBounds || asked != 0 {
					t.Errorf("%s with argument %d at %#x: %v after %d questions", f.name, k, p, e, asked)
				}
			}
			if e, _ := call(func(raw []uint64) {
				if raw[k] = uint64(size - n); n == abi.TypeSize {
					raw[k] = at
				}
			}); e != abi.OK {
				t.Errorf("%s with argument %d at the last byte: %v", f.name, k, e)
			}
		}
		if f.length.max > 0 {
			for _, n := range []uint64{uint64(f.length.max/f.length.unit) + 1, math.MaxUint32} {
				if e, asked := call(func(raw []uint64) { raw[f.length.arg] = n }); e != abi.ErrCount || asked != 0 {
					t.Errorf("%s with a length of %d: %v after %d questions", f.name, n, e, asked)
				}
			}
		}
	}
}

func TestResultsLieWhereTheyShould(t *testing.T) {
	i, a := shim(pageSize)
	raw := []uint64{3, 100, 24, 1000, 2, 2000}
	if e := find(t, "program_op").enter(frame{i, raw}); e != abi.OK {
		t.Fatal(e)
	}
	if a.last[0] != abi.Handle(3) || a.last[1] != 24 || a.last[2] != 2 {
		t.Errorf("the box was asked %v", a.last)
	}
	for k := range 2 {
		r, e := abi.DecodeResult(i.mem.now[1000+abi.ResultSize*k:])
		if e != abi.OK || r != (abi.Result{Value: abi.Value(k + 1), Type: vector}) {
			t.Errorf("result %d is %v, %v", k, r, e)
		}
	}
	if i.mem.now[2000] != 2 {
		t.Errorf("%d results are told", i.mem.now[2000])
	}
	if e := find(t, "program_op").enter(frame{i, []uint64{3, 100, 24, 1000, abi.MaxOutputs + 1, 2000}}); e != abi.ErrCount {
		t.Errorf("room for too many results: %v", e)
	}
	if e := find(t, "program_run").enter(frame{i, []uint64{3, 100, 2, 1000, abi.MaxArity + 1, 2000}}); e != abi.ErrCount {
		t.Errorf("room for too many tensors: %v", e)
	}
}

func TestPricesAreCharged(t *testing.T) {
	i, _ := shim(2 * abi.MaxRead)
	f := find(t, "blob_read")
	f.enter(frame{i, []uint64{1, 0, 0, 1000}})
	if got, want := i.meter.(*meter).used, f.price.base+1000*f.price.perByte; got != want {
		t.Errorf("a read of 1000 bytes takes %d fuel, not %d", got, want)
	}
	i.meter = &meter{limit: 1}
	if f.enter(frame{i, []uint64{1, 0, 0, 1000}}); i.end != errBudget {
		t.Errorf("past the budget: %v", i.end)
	}
}

// TestDirtyUpperHalf has a compiled guest pass an i32 whose slot holds more.
func TestDirtyUpperHalf(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	code, err := e.Compile(ctx, tinyGuest(t))
	if err != nil {
		t.Fatal(err)
	}
	defer code.Close()
	i, err := code.Instantiate(ctx, Options{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	a := &answers{}
	if _, err := i.Call(ctx, a, &meter{}, abi.ExportLoad, math.MaxUint64); err != nil || a.last[0] != abi.Handle(7) {
		t.Errorf("the handle is %v, %v", a.last, err)
	}
}

// FuzzImports calls any import with any arguments and memory: nothing may
// panic, which would end the guest with an internal fault.
func FuzzImports(f *testing.F) {
	all := append(append([]function(nil), imports...), wasi...)
	for k := range all {
		f.Add(uint8(k), uint64(1), uint64(2), uint64(64), uint64(128), uint64(256), uint64(512), []byte("\x01\x00\x00\x00\x01\x00\x00\x00\x04"))
	}
	f.Fuzz(func(t *testing.T, k uint8, a, b, c, d, e, g uint64, mem []byte) {
		i, _ := shim(4096)
		copy(i.mem.now[64:], mem)
		fn := &all[int(k)%len(all)]
		fn.enter(frame{i, []uint64{a, b, c, d, e, g, 0}})
		if i.end != nil && fn.name != "proc_exit" {
			t.Errorf("%s: %v", fn.name, i.end)
		}
	})
}
