//go:build (!amd64 && !arm64) || purego

package simd

// none stands for a function in assembly.
type none[F any] struct{}

func (none[F]) at() (form F) { return form }

var (
	widenHalf   none[cast[float32, uint16]]
	widenBrain  none[cast[float32, uint16]]
	narrowHalf  none[cast[uint16, float32]]
	narrowBrain none[cast[uint16, float32]]
	roundHalf   none[cast[float32, float32]]
	roundBrain  none[cast[float32, float32]]
	toInt8      none[cast[int8, float32]]
	toUint8     none[cast[uint8, float32]]
	toInt32     none[cast[int32, float32]]
	choose      none[choice]
	fromInt8    none[cast[float32, int8]]
	fromUint8   none[cast[float32, uint8]]
	fromInt32   none[cast[float32, int32]]
	fromBool    none[cast[float32, uint8]]
	equal       none[comparison[float32]]
	notEqual    none[comparison[float32]]
	less        none[comparison[float32]]
	lessEqual   none[comparison[float32]]
	equalInts   none[comparison[int32]]
)
