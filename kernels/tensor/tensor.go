// Package tensor is the vocabulary both sides of the box share: element types,
// shapes and checked sizes. It knows nothing of files, handles or kernels.
//
// Every Type that comes from a file or a guest is hostile until Check has
// accepted it; after that its sizes fit in an int64 and no product wraps.
package tensor

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// DType is an element type. The numbers are part of the guest contract: they
// are written out and never reused. Zero is not a type.
type DType uint8

const (
	Float32  DType = 1
	Float64  DType = 2
	Float16  DType = 3
	BFloat16 DType = 4
	Int8     DType = 5
	Int16    DType = 6
	Int32    DType = 7
	Int64    DType = 8
	Uint8    DType = 9
	Uint16   DType = 10
	Uint32   DType = 11
	Uint64   DType = 12
	Bool     DType = 13
	// String is a type of ports only: strings never enter a tensor program.
	String DType = 14
)

// MaxRank is the most dimensions a tensor may have: real models stop at 6, and
// a fixed bound lets a Type be a comparable value that needs no allocation.
const MaxRank = 8

// MaxBytes bounds one tensor. It is far above any limit a user sets and far
// below where sums of sizes could wrap.
const MaxBytes = 1 << 46

var dtypes = [...]struct {
	name string
	size int
}{
	Float32: {"float32", 4}, Float64: {"float64", 8}, Float16: {"float16", 2}, BFloat16: {"bfloat16", 2},
	Int8: {"int8", 1}, Int16: {"int16", 2}, Int32: {"int32", 4}, Int64: {"int64", 8},
	Uint8: {"uint8", 1}, Uint16: {"uint16", 2}, Uint32: {"uint32", 4}, Uint64: {"uint64", 8},
	Bool: {"bool", 1}, String: {"string", 0},
}

// Valid reports whether d may be an element type of a tensor program.
func (d DType) Valid() bool { return d >= Float32 && d <= Bool }

// Size is the size of one element in bytes, 0 for String and unknown types.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

// IsFloat reports whether d is one of the four floating-point types.
func (d DType) IsFloat() bool { return d >= Float32 && d <= BFloat16 }

// IsSigned reports whether d is a signed integer type.
func (d DType) IsSigned() bool { return d >= Int8 && d <= Int64 }

// IsUnsigned reports whether d is an unsigned integer type; Bool is not one.
func (d DType) IsUnsigned() bool { return d >= Uint8 && d <= Uint64 }

// IsInt reports whether d is a signed or unsigned integer type.
func (d DType) IsInt() bool { return d >= Int8 && d <= Uint64 }

func (d DType) String() string {
	if int(d) >= len(dtypes) || dtypes[d].name == "" {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Type is an element type and a shape. It is comparable: dims past Rank are 0.
type Type struct {
	DType DType
	Rank  uint8
	Dims  [MaxRank]int64
}

// Error is why a Type was refused.
type Error string

func (e Error) Error() string { return string(e) }

const (
	ErrDType Error = "no such element type"
	ErrRank  Error = "rank over 8"
	ErrDim   Error = "negative dimension"
	ErrSize  Error = "size over 2^46 bytes"
)

// Of makes a Type. It does not judge the dims (Check does), but more than
// MaxRank of them give a Type that Check refuses.
func Of(d DType, dims ...int64) Type {
	t := Type{DType: d, Rank: uint8(min(len(dims), MaxRank+1))}
	copy(t.Dims[:], dims)
	return t
}

// Check proves that t is a possible type: a known element type, at most
// MaxRank dims, none negative, at most MaxBytes in all, zeros past the rank.
func (t Type) Check() error {
	switch {
	case !t.DType.Valid():
		return ErrDType
	case t.Rank > MaxRank:
		return ErrRank
	}
	n := uint64(t.DType.Size())
	for i, d := range t.Dims {
		if i >= int(t.Rank) {
			if d != 0 {
				return ErrRank
			}
			continue
		}
		if d < 0 {
			return ErrDim
		}
		if d == 0 {
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > MaxBytes {
			return ErrSize
		}
		n = lo
	}
	return nil
}

// Shape is the dims in use. It aliases t.
func (t *Type) Shape() []int64 { return t.Dims[:min(t.Rank, MaxRank)] }

// Elems is the number of elements; it saturates for a Type that Check refuses.
func (t *Type) Elems() int64 { return Product(t.Shape()) }

// Bytes is the size of the elements in bytes; it saturates likewise.
func (t *Type) Bytes() int64 { return MulSat(t.Elems(), int64(t.DType.Size())) }

// Product multiplies dims, saturating at MaxInt64. The empty product is 1; a
// negative dim counts as saturation.
func Product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		if d == 0 {
			return 0
		}
	}
	for _, d := range dims {
		n = MulSat(n, d)
	}
	return n
}

// MulSat multiplies two sizes, saturating at MaxInt64; a negative operand
// saturates too.
func MulSat(a, b int64) int64 {
	if a < 0 || b < 0 {
		return math.MaxInt64
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

// AddSat adds two sizes, saturating at MaxInt64.
func AddSat(a, b int64) int64 {
	if a < 0 || b < 0 || a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// String is the type as it is printed to people: float32[1, 3, 224, 224].
func (t Type) String() string {
	var b strings.Builder
	b.WriteString(t.DType.String())
	b.WriteByte('[')
	for i, d := range t.Shape() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}
