package vet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// engine compiles modules and answers their imports.
type engine struct {
	wazero.Runtime
	yields int
	limit  int    // yields before the guest is ended
	refill uint64 // fuel of each
}

var errSpent = errors.New("spent")

func newEngine(t testing.TB) *engine {
	t.Helper()
	ctx := context.Background()
	e := &engine{Runtime: wazero.NewRuntime(ctx), limit: 1 << 30, refill: 1 << 20}
	t.Cleanup(func() { e.Close(ctx) })
	host := e.NewHostModuleBuilder("glovebox_v1")
	host.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, raw []uint64) {
		e.yields++
		if e.yields > e.limit {
			panic(errSpent)
		}
		if g, ok := m.ExportedGlobal(Fuel).(api.MutableGlobal); ok {
			g.Set(e.refill)
		}
		raw[0] = 0
	}), nil, []api.ValueType{api.ValueTypeI32}).Export("yield")
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

// start instantiates a module; rewritten says whether to rewrite it first.
func (e *engine) start(t testing.TB, wasm []byte, rewritten bool) api.Module {
	t.Helper()
	if rewritten {
		var err error
		if wasm, err = Rewrite(wasm, Policy{}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := e.InstantiateWithConfig(context.Background(), wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return m
}

func fuel(m api.Module) int64 { return int64(m.ExportedGlobal(Fuel).Get()) }

// TestFuelOfBlocks counts what a call takes: the instructions of the basic
// blocks that it went through, in full.
func TestFuelOfBlocks(t *testing.T) {
	for _, c := range []struct {
		name string
		m    module
		arg  uint64
		want int64
	}{
		{"two instructions", load(nil, 0x20, 0, 0x41, 1, 0x6a), 0, 3},
		{"a division", load(nil, 0x20, 0, 0x41, 1, 0x6d), 0, 10},
		{"an if that is taken", load(nil, 0x20, 0, opIf, 0x40, opNop, opNop, opEnd, 0x20, 0), 1, 2 + 2 + 1},
		{"an if that is not", load(nil, 0x20, 0, opIf, 0x40, opNop, opNop, opEnd, 0x20, 0), 0, 2 + 1},
		{"an else", load(nil, 0x20, 0, opIf, 0x40, opNop, opElse, opNop, opNop, opEnd, 0x20, 0), 0, 2 + 2 + 1},
		{"a branch", load(nil, opBlock, 0x40, opNop, opBr, 0, opNop, opNop, opEnd, 0x20, 0), 0, 2 + 1},
		{"a branch that is not taken", load(nil, opBlock, 0x40, 0x20, 0, opBrIf, 0, opNop, opEnd, 0x20, 0), 0, 2 + 1 + 1},
		{"a block that nothing leaves", load(nil, opBlock, 0x40, opNop, opEnd, 0x20, 0), 0, 2},
		{"ten turns", load([]byte{1, typeI32}, opLoop, 0x40, 0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 0, 0x49, opBrIf, 0, opEnd, 0x20, 0), 10, 10*7 + 1},
		{"a call", load(nil, opCall, 2), 0, 4 + 1},
		{"an indirect call", load(nil, 0x41, 1, opCallIndirect, 0, 0), 0, 1 + 8 + 1},
		{"1000 bytes of fill", load(nil, 0x41, 0, 0x41, 1, 0x41, sleb(nil, 1000), opPrefix, prefixFill, 0, 0x20, 0), 0, 4 + 4 + 1000/16},
		{"a page more", load(nil, 0x41, 1, opMemoryGrow, 0), 0, 1 + 4 + 1000 + 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t)
			m := e.start(t, c.m.bytes(), true)
			const full = 1 << 40
			m.ExportedGlobal(Fuel).(api.MutableGlobal).Set(full)
			if _, err := m.ExportedFunction("load").Call(context.Background(), c.arg); err != nil {
				t.Fatal(err)
			}
			if got := full - fuel(m); got != c.want {
				t.Errorf("it takes %d, not %d", got, c.want)
			}
			if e.yields != 0 {
				t.Errorf("%d yields", e.yields)
			}
			if d := m.ExportedGlobal(Depth).Get(); d != 0 {
				t.Errorf("it ends at a depth of %d", d)
			}
		})
	}
}

// programs are modules whose load gives something for each argument, through
// all ways of leaving a function.
var programs = map[string]module{
	"return":               load(nil, 0x20, 0, opIf, 0x40, 0x41, 7, opReturn, opEnd, opCall, 2),
	"branch to the end":    load(nil, 0x41, 9, 0x20, 0, opBrIf, 0, opCall, 2, 0x6a),
	"branch from a block":  load(nil, opBlock, 0x40, 0x41, 5, 0x20, 0, opBrIf, 1, 0x1a, opEnd, opCall, 2),
	"table of branches":    load(nil, opBlock, 0x40, opBlock, 0x40, 0x41, 3, 0x20, 0, opBrTable, 2, 2, 2, 2, opEnd, opEnd, opCall, 2),
	"return in dead code":  load(nil, 0x20, 0, opReturn, opReturn, opCall, 2),
	"unreachable":          load(nil, 0x20, 0, opIf, 0x40, opUnreachable, opEnd, opCall, 2),
	"results of two":       load(nil, opBlock, 4, 0x41, 1, 0x42, 2, 0x20, 0, opBrIf, 0, opEnd, 0xa7, 0x6a, opCall, 0, 0x1a),
	"function of two":      twoResults(),
	"division by zero":     load(nil, 0x41, 7, 0x20, 0, 0x6d, opCall, 0, 0x1a),
	"indirect call":        load(nil, 0x20, 0, opCallIndirect, 0, 0),
	"indirect call, wrong": load(nil, 0x20, 0, opCallIndirect, 2, 0, 0x41, 1),
	"load out of bounds":   load(nil, 0x20, 0, 0x28, 2, "\xff\xff\x1f"),
	"data":                 load(nil, 0x20, 0, 0x28, 0, 6),
	"grow":                 load(nil, 0x20, 0, opMemoryGrow, 0),
	"grow too far":         load(nil, 0x41, 0x7f, opMemoryGrow, 0),
}

// twoResults has run call a function that returns two values in two ways.
func twoResults() module {
	m := base().with(3, vec([]byte{1}, []byte{0}, []byte{4}))
	return m.with(10, vec(
		fn(nil, opCall, 3, 0xa7, 0x6a, 0x20, 0, 0x6a),
		fn(nil, 0x41, 0),
		fn(nil, opCall, 2, opIf, 0x40, 0x41, 1, 0x42, 2, opReturn, opEnd, 0x41, 4, 0x42, 8),
	))
}

func TestRewrittenProgramsGiveTheSame(t *testing.T) {
	for name, p := range programs {
		wasm := p.bytes()
		for arg := range uint64(4) {
			run := func(rewritten bool) string {
				m := newEngine(t).start(t, wasm, rewritten)
				ret, err := m.ExportedFunction("load").Call(context.Background(), arg)
				if err != nil {
					for errors.Unwrap(err) != nil {
						err = errors.Unwrap(err)
					}
				}
				return fmt.Sprint(ret, err, m.Memory().Size())
			}
			if a, b := run(false), run(true); a != b {
				t.Errorf("%s(%d) gives %s, rewritten %s", name, arg, a, b)
			}
		}
	}
}

// TestPiecesOfMemory copies and fills ranges of all sizes, overlapping in both
// directions, and past the end, which must trap before anything is written.
func TestPiecesOfMemory(t *testing.T) {
	m := base().with(3, vec([]byte{3}, []byte{3})).with(10, vec(
		fn(nil, 0x20, 0, 0x20, 1, 0x20, 2, opPrefix, prefixCopy, 0, 0),
		fn(nil, 0x20, 0, 0x20, 1, 0x20, 2, opPrefix, prefixFill, 0),
	)).with(7, vec(exportOf("memory", kindMemory, 0), exportOf("copy", 0, 1), exportOf("fill", 0, 2)))
	e := newEngine(t)
	e.refill = 1 << 12
	guest := e.start(t, m.bytes(), true)
	size := guest.Memory().Size()
	r := rand.New(rand.NewPCG(1, 1))
	mem, _ := guest.Memory().Read(0, size)
	for i := range mem {
		mem[i] = byte(r.Uint32())
	}
	want := bytes.Clone(mem)
	type move struct{ dst, src, n uint32 }
	moves := []move{
		{0, 0, 0}, {size, 0, 0}, {0, size, 0}, {size + 1, 0, 0}, {0, size + 1, 0}, {1, 0, size}, {0, 1, size}, {0, 0, size},
		{1, 0, size - 1}, {0, 1, size - 1}, {0, 100, 200_000}, {100, 0, 200_000}, {65536, 0, 131072}, {0, 65536, 131072},
		{0xffffffff, 0, 1}, {0, 0xffffffff, 1}, {1, 0, 0xffffffff}, {0, 0, 65536}, {1, 0, 65536}, {1, 0, 65537}, {size - 65536, 0, 65537},
	}
	for range 30 {
		moves = append(moves, move{r.Uint32N(size), r.Uint32N(size), r.Uint32N(size / 2)})
	}
	for _, v := range moves {
		inside := uint64(v.dst)+uint64(v.n) <= uint64(size)
		copied := inside && uint64(v.src)+uint64(v.n) <= uint64(size)
		before := e.yields
		_, err := guest.ExportedFunction("copy").Call(context.Background(), uint64(v.dst), uint64(v.src), uint64(v.n))
		if copied {
			copy(want[v.dst:v.dst+v.n], want[v.src:])
		}
		if (err == nil) != copied || !bytes.Equal(mem, want) {
			t.Fatalf("copy %+v: %v", v, err)
		}
		if least := int(v.n/65536/2) - 1; copied && e.yields-before < least {
			t.Errorf("copy %+v yields %d times", v, e.yields-before)
		}
		_, err = guest.ExportedFunction("fill").Call(context.Background(), uint64(v.dst), uint64(v.src), uint64(v.n))
		if inside {
			for i := range v.n {
				want[v.dst+i] = byte(v.src)
			}
		}
		if (err == nil) != inside || !bytes.Equal(mem, want) {
			t.Fatalf("fill %+v: %v", v, err)
		}
	}
}

// TestEndlessGuestsYield has guests that never return: each asks for fuel again
// and again, and can be ended there.
func TestEndlessGuestsYield(t *testing.T) {
	for name, m := range map[string]module{
		"a loop":               load(nil, opLoop, 0x40, opBr, 0, opEnd, 0x20, 0),
		"loops in a loop":      load(nil, opLoop, 0x40, opLoop, 0x40, opEnd, opBr, 0, opEnd, 0x20, 0),
		"a loop of fills":      load(nil, opLoop, 0x40, 0x41, 0, 0x41, 0, 0x41, sleb(nil, 8*65536), opPrefix, prefixFill, 0, opBr, 0, opEnd, 0x20, 0),
		"a loop of calls":      load(nil, opLoop, 0x40, opCall, 2, 0x1a, opBr, 0, opEnd, 0x20, 0),
		"a loop of growth":     load(nil, opLoop, 0x40, 0x41, 0, opMemoryGrow, 0, 0x1a, opBr, 0, opEnd, 0x20, 0),
		"calls that fan out":   load(nil, 0x20, 0, 0x41, sleb(nil, 900), 0x4b, opIf, 0x40, 0x20, 0, opReturn, opEnd, 0x20, 0, 0x41, 1, 0x6a, opCall, 1, 0x1a, 0x20, 0, 0x41, 1, 0x6a, opCall, 1),
		"a loop by br_table":   load(nil, opLoop, 0x40, 0x20, 0, opBrTable, 1, 0, 0, opEnd, 0x20, 0),
		"a loop with a result": load(nil, opLoop, typeI32, 0x20, 0, 0x41, 1, opBrIf, 0, opEnd),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			e.limit = 20
			guest := e.start(t, m.bytes(), true)
			_, err := guest.ExportedFunction("load").Call(context.Background(), 0)
			if !errors.Is(err, errSpent) || e.yields != e.limit+1 {
				t.Errorf("%d yields, then %v", e.yields, err)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	deep := load(nil, 0x20, 0, opIf, 0x40, 0x20, 0, 0x41, 1, 0x6b, opCall, 1, 0x1a, opEnd, 0x20, 0)
	guest := newEngine(t).start(t, deep.bytes(), true)
	call := func(n uint64) error {
		_, err := guest.ExportedFunction("load").Call(context.Background(), n)
		return err
	}
	if err := call(MaxDepth - 1); err != nil {
		t.Errorf("%d calls deep: %v", MaxDepth, err)
	}
	if d := guest.ExportedGlobal(Depth).Get(); d != 0 {
		t.Errorf("it ends at a depth of %d", d)
	}
	if err := call(MaxDepth); err == nil {
		t.Errorf("%d calls deep: no trap", MaxDepth+1)
	}
	if d := guest.ExportedGlobal(Depth).Get(); d != MaxDepth+1 {
		t.Errorf("it trapped at a depth of %d", d)
	}
}

// TestGuestsCannotReachWhatIsAdded has the cheats that would refill their own
// fuel or call what only the rewriter may.
func TestGuestsCannotReachWhatIsAdded(t *testing.T) {
	b := base()
	fuelGlobal, helper := int(b[6][0]), 3 // behind the globals and functions of base
	for name, m := range map[string]module{
		"setting the fuel":         load(nil, 0x42, 0, 0x24, fuelGlobal, 0x20, 0),
		"setting the depth":        load(nil, 0x41, 0, 0x24, fuelGlobal+1, 0x20, 0),
		"exporting the fuel":       b.with(7, vec(exportOf("mine", kindGlobal, fuelGlobal))),
		"exporting it by its name": b.with(7, vec(exportOf(Fuel, kindGlobal, 0))),
		"calling a helper":         load(nil, 0x41, 0, opCall, helper),
		"putting one in the table": b.with(9, vec(cat(0, 0x41, 0, opEnd, vec([]byte{byte(helper)})))),
		"using its type":           load(nil, opBlock, 5, opEnd, 0x20, 0),
	} {
		if _, err := Rewrite(m.bytes(), Policy{}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestStateAndMaximaAreWritten(t *testing.T) {
	e := newEngine(t)
	m := e.start(t, base().bytes(), true)
	if g, ok := m.ExportedGlobal(State + "0").(api.MutableGlobal); !ok || g.Type() != api.ValueTypeI32 {
		t.Error("the mutable global is not exported")
	}
	if m.ExportedGlobal(State+"1") != nil {
		t.Error("a constant global is exported")
	}
	if n, ok := m.Memory().Definition().Max(); !ok || n != maxPages {
		t.Errorf("the memory has a maximum of %d, %v", n, ok)
	}
	out, err := Rewrite(base().bytes(), Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte{4, 5, 1, 0x70, 1, 2, 2}) {
		t.Error("the table has no maximum")
	}
	again, err := Rewrite(base().bytes(), Policy{})
	if err != nil || !bytes.Equal(out, again) {
		t.Errorf("another rewrite gives other bytes, %v", err)
	}
	if _, err := Rewrite(out, Policy{}); err == nil {
		t.Error("a rewritten module is rewritten again")
	}
}

func TestDataIsMerged(t *testing.T) {
	segment := func(at int64, s string) []byte { return cat(0, 0x41, sleb(nil, at), opEnd, str(s)) }
	wasm := base().with(11, vec(segment(10, "one"), segment(20, "two"), segment(20, "over"), segment(5000, "far"), segment(100, "back"))).bytes()
	e := newEngine(t)
	own, err := Rewrite(wasm, Policy{Own: true})
	if err != nil {
		t.Fatal(err)
	}
	mems := [2][]byte{}
	for k, w := range [][]byte{wasm, own} {
		m := e.start(t, w, false)
		mems[k], _ = m.Memory().Read(0, m.Memory().Size())
	}
	if !bytes.Equal(mems[0], mems[1]) {
		t.Error("the memory is another one")
	}
	if !bytes.Contains(own, append([]byte("one"), append(make([]byte, 7), "two"...)...)) {
		t.Error("neighbours are not one segment")
	}
}

// FuzzScan looks for panics, and for a refusal that points outside the file.
func FuzzScan(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if _, err := Scan(wasm, Policy{}); err != nil {
			var r *Refusal
			if !errors.As(err, &r) || r.Offset < 0 || r.Offset > len(wasm) {
				t.Errorf("%v", err)
			}
		}
	})
}

// FuzzRewrite holds that of what the scanner accepts, the engine takes the
// rewritten form exactly where it takes the original.
func FuzzRewrite(f *testing.F) {
	seeds(f)
	e := newEngine(f)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		out, err := Rewrite(wasm, Policy{})
		if err != nil {
			return
		}
		var valid [2]bool
		for k, w := range [][]byte{wasm, out} {
			c, err := e.CompileModule(context.Background(), w)
			if err == nil {
				c.Close(context.Background())
			} else if strings.Contains(err.Error(), "section custom") {
				return // of no meaning, and dropped
			}
			valid[k] = err == nil
		}
		if valid[0] != valid[1] {
			t.Errorf("the original is valid: %v, the rewritten: %v", valid[0], valid[1])
		}
	})
}

func seeds(f *testing.F) {
	f.Add(base().bytes())
	for _, m := range programs {
		f.Add(m.bytes())
	}
	f.Add(base().with(10, vec(wide(10, 10), fn(nil, 0x41, 0))).bytes())
}
