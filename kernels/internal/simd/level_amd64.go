//go:build !purego

package simd

import "golang.org/x/sys/cpu"

const (
	avx2   level = 1 + iota // with FMA and F16C
	avx512                  // F, BW, DQ and VL
)

var levelNames = map[string]level{"purego": portable, "avx2": avx2, "avx512": avx512}

// best is the highest level of this machine.
var best = detect()

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
