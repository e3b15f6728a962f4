package jld2

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// counted is a host that counts the bytes that are read.
type counted struct {
	*boxtest.Box
	bytes int
}

func (c *counted) BlobRead(h abi.Handle, off int64, p []byte) abi.Errno {
	c.bytes += len(p)
	return c.Box.BlobRead(h, off, p)
}

// linkedAll is a file of the objects that a function writes, which ends with one
// that is refused.
func linkedAll(n int, object func(f *builder, i int) uint64) []byte {
	f := newFile(true)
	var links []msg
	for i := range n {
		links = append(links, linked(strconv.Itoa(i), object(f, i)))
	}
	return f.root(append(links, linked("x", f.object(msg{0x7f, 0, nil})))...)
}

// crowds are files that grow with n and are refused in the end.
var crowds = map[string]func(n int) []byte{
	"arrays": func(n int) []byte {
		return linkedAll(n, func(f *builder, _ int) uint64 { return f.floats(make([]float32, 64), 64) })
	},
	"arrays out of their order": func(n int) []byte {
		f := newFile(true)
		var arrays []uint64
		for range n {
			arrays = append(arrays, f.floats(make([]float32, 64), 64))
		}
		var links []msg
		for i := range n {
			links = append(links, linked(strconv.Itoa(i), arrays[i*7919%n]))
		}
		return f.root(append(links, linked("x", f.object(msg{0x7f, 0, nil})))...)
	},
	"one long type for all": func(n int) []byte {
		var typ uint64
		return linkedAll(n, func(f *builder, i int) uint64 {
			if i == 0 {
				var fields []field
				for i := range min(n, 240) {
					fields = append(fields, field{strconv.Itoa(i), byte(i), byteType})
				}
				typ = f.typ("Core.Tuple", compound(255, fields...), nil)
			}
			return f.object(simple(0), shared(typ), compact(nil))
		})
	},
	"one long list of parameters for all": func(n int) []byte {
		var params uint64
		return linkedAll(n, func(f *builder, i int) uint64 {
			if i == 0 {
				params = f.heap([]byte("Core.Tuple"), make([]byte, 8*10*n))
			}
			e := le(varying(10, params, 1), varying(10*n, params, 2))
			return f.object(simple(1), typed(float32Type), compact(le(float32(1))), attributed("julia_type", 0, typeType, scalar(), e))
		})
	},
	"one long list of parameters for all types": func(n int) []byte {
		var params uint64
		return linkedAll(n, func(f *builder, i int) uint64 {
			if i == 0 {
				params = f.heap([]byte("Core.Tuple"), make([]byte, 8*10*n))
			}
			e := le(varying(10, params, 1), varying(10*n, params, 2))
			typ := f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), e))
			return f.value(typ, float32(1))
		})
	},
	"one long text for all": func(n int) []byte {
		var text uint64
		return linkedAll(n, func(f *builder, i int) uint64 {
			if i == 0 {
				text = f.heap(make([]byte, 100*n))
			}
			return f.object(scalar(), typed(textType), compact(varying(100*n, text, 1)))
		})
	},
	"types that are not known": func(n int) []byte {
		return linkedAll(n, func(f *builder, i int) uint64 {
			return f.value(f.typ(fmt.Sprintf("Main.T%d", min(i, 50)), float32Type, nil), float32(1))
		})
	},
	"references to nothing": func(n int) []byte {
		return linkedAll(1, func(f *builder, _ int) uint64 { return f.list(make([]uint64, 30*n)...) })
	},
	"references to one array": func(n int) []byte {
		return linkedAll(1, func(f *builder, _ int) uint64 {
			refs := make([]uint64, 30*n)
			a := f.floats([]float32{1}, 1)
			for i := range refs {
				refs[i] = a
			}
			return f.list(refs...)
		})
	},
	"a dictionary": func(n int) []byte {
		return linkedAll(1, func(f *builder, _ int) uint64 {
			pairs := f.typ("Core.Pair", compound(16, field{"first", 0, refType}, field{"second", 8, refType}), nil)
			var entries []uint64
			for i := range n {
				entries = append(entries, f.value(pairs, f.text(strconv.Itoa(i)), f.floats([]float32{1}, 1)))
			}
			return f.list(entries...)
		})
	},
	"a long path to all": func(n int) []byte {
		return linkedAll(1, func(f *builder, _ int) uint64 {
			var arrays []uint64
			for range n {
				arrays = append(arrays, f.floats([]float32{1}, 1))
			}
			at := f.list(arrays...)
			for range 4 {
				at = f.object(scalar(), typed(compound(8, field{strings.Repeat("n", 200), 0, refType})), compact(le(at)))
			}
			return at
		})
	},
	"a header in pieces": func(n int) []byte {
		return linkedAll(1, func(f *builder, _ int) uint64 {
			var next []msg
			for range n {
				p := []byte("OCHK")
				for _, m := range next {
					p = le(p, m.kind, uint16(len(m.body)), m.flags, m.body)
				}
				p = le(p, lookup3(p))
				next = []msg{{msgContinuation, 0, le(f.add(p), uint64(len(p)))}}
			}
			return f.object(append(next, simple(1), typed(float32Type), compact(le(float32(1))))...)
		})
	},
}

// TestLinear: work is in proportion to the size of a file that is refused in the
// end. It is counted in bytes that are read and bytes that are allocated, which
// hardly vary. The files are longer than what is read ahead of them.
func TestLinear(t *testing.T) {
	for name, file := range crowds {
		t.Run(name, func(t *testing.T) {
			cost := func(b []byte) (read, allocated float64) {
				box := &counted{Box: boxtest.New(b)}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if fault := scan.Catch(func() { weights.Load(box, 1, inspected) }); fault == nil {
					t.Error("read")
				}
				runtime.ReadMemStats(&after)
				return float64(box.bytes) / float64(len(b)), float64(after.TotalAlloc-before.TotalAlloc) / float64(len(b))
			}
			n := 1000
			for len(file(n)) < 300_000 {
				n *= 2
			}
			small, large := file(n), file(4*n)
			read1, made1 := cost(small)
			read4, made4 := cost(large)
			t.Logf("for each of %d bytes %.1f are read and %.1f allocated; of %d, %.1f and %.1f", len(small), read1, made1, len(large), read4, made4)
			if read4 > 1.6*read1 || made4 > 1.6*made1 {
				t.Error("more than the file has grown")
			}
		})
	}
}
