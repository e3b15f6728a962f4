package simd

import "os"

//go:generate go -C _asm run ./gemm -out ../gemm_amd64.s -stubs ../gemm_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./cast -out ../cast_amd64.s -stubs ../cast_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./elementwise -out ../elementwise_amd64.s -stubs ../elementwise_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./fold -out ../fold_amd64.s -stubs ../fold_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./transpose -out ../transpose_amd64.s -stubs ../transpose_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./depthwise -out ../depthwise_amd64.s -stubs ../depthwise_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./pool -out ../pool_amd64.s -stubs ../pool_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./winograd -out ../winograd_amd64.s -stubs ../winograd_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./arm64 -out ..

// A level is a set of instructions that primitives are written in. Each level
// gives the bits of the portable one.
type level uint8

const portable level = 0

// active is the level in use: the best of this machine, or a lower one that
// GLOVEBOX_SIMD names, for tests.
var active = chosen(os.Getenv("GLOVEBOX_SIMD"))

func chosen(name string) level {
	if l, ok := levelNames[name]; ok {
		return min(l, best)
	}
	return best
}
