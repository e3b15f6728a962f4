//go:build !purego

package simd

// A form is a function in assembly.
type form[F any] struct{ neon F }

// at is the function, the zero F at the portable level.
func (f *form[F]) at() (none F) {
	if active == portable {
		return none
	}
	return f.neon
}

var (
	widenHalf   = form[cast[float32, uint16]]{widenHalfNeon}
	widenBrain  = form[cast[float32, uint16]]{widenBrainNeon}
	narrowHalf  = form[cast[uint16, float32]]{narrowHalfNeon}
	narrowBrain = form[cast[uint16, float32]]{narrowBrainNeon}
	roundHalf   = form[cast[float32, float32]]{roundHalfNeon}
	roundBrain  = form[cast[float32, float32]]{roundBrainNeon}
	toInt8      = form[cast[int8, float32]]{toInt8Neon}
	toUint8     = form[cast[uint8, float32]]{toUint8Neon}
	toInt32     = form[cast[int32, float32]]{toInt32Neon}
	choose      = form[choice]{chooseNeon}
	fromInt8    = form[cast[float32, int8]]{fromInt8Neon}
	fromUint8   = form[cast[float32, uint8]]{fromUint8Neon}
	fromInt32   = form[cast[float32, int32]]{fromInt32Neon}
	fromBool    = form[cast[float32, uint8]]{fromBoolNeon}
	equal       = form[comparison[float32]]{equalNeon}
	notEqual    = form[comparison[float32]]{notEqualNeon}
	less        = form[comparison[float32]]{lessNeon}
	lessEqual   = form[comparison[float32]]{lessEqualNeon}
	equalInts   = form[comparison[int32]]{equalIntsNeon}
)
