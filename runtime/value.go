package runtime

import (
	"fmt"
	"strings"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// DType is the type of the elements of a Tensor.
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
	String   DType = 14 // of ports only, so far: no Tensor holds strings
)

func (d DType) String() string { return tensor.DType(d).String() }

// MarshalText is the name of d.
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Size is the size of one element in bytes, 0 where elements have none.
func (d DType) Size() int { return tensor.DType(d).Size() }

// F16 and BF16 are an element of a Float16 or a BFloat16 tensor, by its bits.
type (
	F16  uint16
	BF16 uint16
)

// Element lists the Go types that a tensor may be made from.
type Element interface {
	float32 | float64 | F16 | BF16 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool
}

func dtypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case F16:
		return Float16
	case BF16:
		return BFloat16
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	default:
		return Bool
	}
}

// Type is what is known of a tensor without its elements.
type Type struct {
	DType DType
	Shape []int
}

func (t Type) String() string {
	var b strings.Builder
	b.WriteString(t.DType.String() + "[")
	for i, n := range t.Shape {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String() + "]"
}

// check turns t into a type that kernels may see.
func (t Type) check() (tensor.Type, error) {
	if len(t.Shape) > tensor.MaxRank {
		return tensor.Type{}, fmt.Errorf("%d dims are over %d", len(t.Shape), tensor.MaxRank)
	}
	dims := make([]int64, len(t.Shape))
	for i, n := range t.Shape {
		dims[i] = int64(n)
	}
	typ := tensor.Of(tensor.DType(t.DType), dims...)
	return typ, typ.Check()
}

// Value is what goes into a model and comes out of it: so far a Tensor.
type Value interface {
	Type() Type
	value()
}

// Values are values by the names of a model's ports.
type Values map[string]Value

// Tensor is an array of numbers. Its zero value has no elements and fits no
// port.
type Tensor struct {
	typ  tensor.Type
	data []byte // typ.Bytes() bytes, aligned for its elements
}

func (Tensor) value() {}

// Type is the element type and the shape of t.
func (t Tensor) Type() Type { return Type{DType(t.typ.DType), t.Shape()} }

// DType is the element type of t.
func (t Tensor) DType() DType { return DType(t.typ.DType) }

// Shape is the size of each dim of t; a scalar has none.
func (t Tensor) Shape() []int {
	shape := make([]int, t.typ.Rank)
	for i := range shape {
		shape[i] = int(t.typ.Dims[i])
	}
	return shape
}

// Bytes is the memory of t: its elements in row-major order, in the byte order
// of the machine. It is not a copy.
func (t Tensor) Bytes() []byte { return t.data }

// Of makes a tensor of data, which it shares: leave data alone until the runs
// that were given the tensor have returned. No shape is a scalar.
func Of[T Element](data []T, shape ...int) (Tensor, error) {
	return makeTensor(Type{dtypeOf[T](), shape}, bytesOf(data))
}

// OfBytes makes a tensor whose element type is known only as the program runs.
// It shares data where its alignment allows.
func OfBytes(d DType, data []byte, shape ...int) (Tensor, error) {
	t, err := makeTensor(Type{d, shape}, data)
	if err == nil && !aligned(data, d.Size()) {
		t.data = tensor.Aligned(int64(len(data)))
		copy(t.data, data)
	}
	return t, err
}

func makeTensor(t Type, data []byte) (Tensor, error) {
	typ, err := t.check()
	if err != nil {
		return Tensor{}, faultf(StageRun, ErrInput, "tensor %v: %w", t, err)
	}
	if typ.Bytes() != int64(len(data)) {
		return Tensor{}, faultf(StageRun, ErrInput, "tensor %v has %d elements, the data %d", t, typ.Elems(), len(data)/t.DType.Size())
	}
	if t.DType == Bool && !bools(data) {
		return Tensor{}, faultf(StageRun, ErrInput, "tensor %v: a bool is 0 or 1", t)
	}
	return Tensor{typ, data}, nil
}

// Slice is the elements of t, without a copy. They stay valid for as long as
// they are held, also after the Model and the Runtime are closed.
func Slice[T Element](t Tensor) ([]T, error) {
	if want := dtypeOf[T](); t.DType() != want {
		return nil, faultf(StageRun, ErrInput, "a slice of %v cannot show a tensor of %v", want, t.DType())
	}
	if t.DType() == Bool && !bools(t.data) {
		return nil, faultf(StageRun, ErrInternal, "a bool is neither 0 nor 1")
	}
	return sliceOf[T](t.data), nil
}

// bools reports whether every byte is 0 or 1: any other makes a Go bool that
// is neither true nor false.
func bools(b []byte) bool {
	for _, c := range b {
		if c > 1 {
			return false
		}
	}
	return true
}

// Result is what one run gave.
type Result struct {
	Values Values
	Cost   Cost
}

// Tensor is the output called name.
func (r *Result) Tensor(name string) (Tensor, error) {
	t, ok := r.Values[name].(Tensor)
	if !ok {
		return Tensor{}, faultf(StageRun, ErrInput, "no output is called %s", quote(name))
	}
	return t, nil
}

// Cost is what a run takes.
type Cost struct {
	Work      uint64 `json:"work"`       // kernel work, 8 FLOP or their like each
	GuestFuel uint64 `json:"guest_fuel"` // instructions in the box; 0 where a plan served the run
	Flops     int64  `json:"flops"`      // arithmetic of the kernels
	Memory    int64  `json:"peak_bytes"` // at the peak, the model's share included
	Exact     bool   `json:"exact"`      // false where the data decides
}
