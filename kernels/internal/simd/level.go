package simd

//go:generate go -C _asm run ./gemm -out ../gemm_amd64.s -stubs ../gemm_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./cast -out ../cast_amd64.s -stubs ../cast_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./elementwise -out ../elementwise_amd64.s -stubs ../elementwise_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./fold -out ../fold_amd64.s -stubs ../fold_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./transpose -out ../transpose_amd64.s -stubs ../transpose_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./depthwise -out ../depthwise_amd64.s -stubs ../depthwise_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./pool -out ../pool_amd64.s -stubs ../pool_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./pack -out ../pack_amd64.s -stubs ../pack_stubs_amd64.go -pkg simd
//go:generate go -C _asm run ./winograd -out ../winograd_amd64.s -stubs ../winograd_stubs_amd64.go -pkg simd

// A level is a set of instructions that primitives are written in. Each level
// gives the bits of the portable one.
type level uint8

const (
	portable level = iota
	avx2           // with FMA and F16C
	avx512         // F, BW, DQ and VL
)

// levelNames are what GLOVEBOX_SIMD may say. It lowers the level, for tests.
var levelNames = map[string]level{"purego": portable, "avx2": avx2, "avx512": avx512}
