// A guest for the tests of the engine: load does what its argument says.
package main

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sort"
	"strconv"
	"time"
)

//go:wasmimport glovebox_v1 yield
func yield() uint32

//go:wasmimport glovebox_v1 blob_size
func blobSize(blob uint32, size *int64) uint32

//go:wasmimport glovebox_v1 blob_read
//go:noescape
func blobRead(blob uint32, off int64, p *byte, n uint32) uint32

var (
	secret []byte
	depth  int
	table  = map[uint32]func() uint32{
		1: ok, 2: spin, 3: recurse, 4: hog, 5: remember, 6: recall, 7: random, 8: sleep, 9: panics, 10: read, 11: work, 12: null, 13: parse, 14: mixed,
	}
)

//go:wasmexport load
func load(task uint32) uint32 {
	yield()
	return table[task]()
}

//go:wasmexport run
func run() uint32 { return uint32(len(secret)) }

func ok() uint32 { return 0 }

func spin() uint32 {
	for {
		depth++
	}
}

//go:noinline
func recurse() uint32 {
	depth++
	return recurse() + uint32(depth)
}

func hog() uint32 {
	var all [][]byte
	for {
		b := make([]byte, 1<<20)
		b[len(b)/2] = 1
		all = append(all, b)
		depth += len(all)
	}
}

func remember() uint32 {
	secret = make([]byte, 8<<20)
	for i := range secret {
		secret[i] = 0x5a
	}
	return uint32(len(secret))
}

func recall() uint32 { return uint32(len(secret)) }

func random() uint32 { return rand.Uint32() }

func sleep() uint32 {
	start := time.Now()
	time.Sleep(3 * time.Millisecond)
	return uint32(time.Since(start) / time.Millisecond)
}

func panics() uint32 {
	var none []int
	return uint32(none[depth])
}

func read() uint32 {
	var n int64
	if e := blobSize(1, &n); e != 0 {
		return e
	}
	b := make([]byte, n)
	if e := blobRead(1, 0, &b[0], uint32(n)); e != 0 {
		return e
	}
	sum := uint32(0)
	for _, c := range b {
		sum = sum*31 + uint32(c)
	}
	return sum
}

func work() uint32 {
	m := map[int]string{}
	for i := range 2000 {
		m[i*7] = string(rune('a'+i%26)) + "x"
	}
	runtime.GC()
	n := uint32(0)
	for k, v := range m {
		n += uint32(k) * uint32(v[0])
	}
	return n
}

func null() uint32 {
	var p *[1 << 20]byte
	return uint32(p[depth])
}

func parse() uint32 {
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte(i*7) | 0x80
		if i%3 == 2 {
			b[i] &= 0x7f
		}
	}
	sum := uint64(0)
	for range 20 {
		for i := 0; i < len(b)-3; {
			v, n := binary.Uvarint(b[i:])
			sum += v
			i += n
		}
	}
	return uint32(sum)
}

func mixed() uint32 {
	n := uint32(0)
	for k := range 20 {
		m := map[string][]int{}
		for i := range 3000 {
			s := strconv.Itoa(i*k) + "." + strconv.Itoa(i%7)
			m[s] = append(m[s], i)
		}
		keys := make([]string, 0, len(m))
		for s := range m {
			keys = append(keys, s)
		}
		sort.Strings(keys)
		n += uint32(len(keys[0]) + len(m[keys[len(keys)/2]]))
	}
	return n
}

func main() {}
