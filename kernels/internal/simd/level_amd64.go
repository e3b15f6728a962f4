//go:build !purego

package simd

import (
	"os"

	"golang.org/x/sys/cpu"
)

// best is the highest level of this machine, active the one in use.
var (
	best   = detect()
	active = chosen(os.Getenv("GLOVEBOX_SIMD"))
)

func detect() level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA || !x.HasF16C:
		return portable
	case !x.HasAVX512F || !x.HasAVX512BW || !x.HasAVX512DQ || !x.HasAVX512VL:
		return avx2
	}
	return avx512
}

func chosen(name string) level {
	if l, ok := levelNames[name]; ok {
		return min(l, best)
	}
	return best
}
