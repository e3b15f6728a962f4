//go:build !purego

package simd

// forms are a function in assembly for each level from avx2 on.
type forms[F any] [2]F

// at is the form of the level in use, the zero F where that is none.
func (f *forms[F]) at() (form F) {
	if active == portable {
		return form
	}
	return f[active-avx2]
}

var (
	widenHalf   = forms[cast[float32, uint16]]{widenHalf256, widenHalf512}
	widenBrain  = forms[cast[float32, uint16]]{widenBrain256, widenBrain512}
	narrowHalf  = forms[cast[uint16, float32]]{narrowHalf256, narrowHalf512}
	narrowBrain = forms[cast[uint16, float32]]{narrowBrain256, narrowBrain512}
	roundHalf   = forms[cast[float32, float32]]{roundHalf256, roundHalf512}
	roundBrain  = forms[cast[float32, float32]]{roundBrain256, roundBrain512}
	toInt8      = forms[cast[int8, float32]]{toInt8256, toInt8512}
	toUint8     = forms[cast[uint8, float32]]{toUint8256, toUint8512}
	toInt32     = forms[cast[int32, float32]]{toInt32256, toInt32512}
	choose      = forms[choice]{choose256, choose512}
	fromInt8    = forms[cast[float32, int8]]{fromInt8256, fromInt8512}
	fromUint8   = forms[cast[float32, uint8]]{fromUint8256, fromUint8512}
	fromInt32   = forms[cast[float32, int32]]{fromInt32256, fromInt32512}
	fromBool    = forms[cast[float32, uint8]]{fromBool256, fromBool512}
	equal       = forms[comparison[float32]]{equal256, equal512}
	notEqual    = forms[comparison[float32]]{notEqual256, notEqual512}
	less        = forms[comparison[float32]]{less256, less512}
	lessEqual   = forms[comparison[float32]]{lessEqual256, lessEqual512}
	equalInts   = forms[comparison[int32]]{equalInts256, equalInts512}
)
