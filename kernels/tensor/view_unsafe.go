package tensor

import "unsafe"

// Element lists the Go types that stand for an element of a program's tensor.
// Float16 and BFloat16 are held as uint16, Bool as uint8 (0 or 1).
type Element interface {
	~float32 | ~float64 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// View reads b as a slice of T without copying. It panics unless b is aligned
// for T and holds whole elements: memory of a tensor always is and does, bytes
// of a file need not, and must be copied first.
func View[T Element](b []byte) []T {
	var zero T
	size := unsafe.Sizeof(zero)
	if len(b) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%size != 0 || uintptr(len(b))%size != 0 {
		panic("tensor: misaligned view")
	}
	return unsafe.Slice((*T)(p), uintptr(len(b))/size)
}

// Bytes is the memory of s.
func Bytes[T Element](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// Aligned returns n zeroed bytes of the Go heap, aligned for every element type.
func Aligned(n int64) []byte {
	if n <= 0 {
		return nil
	}
	return Bytes(make([]uint64, (n+7)/8))[:n:n]
}
