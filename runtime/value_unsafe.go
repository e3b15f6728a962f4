package runtime

import "unsafe"

// bytesOf is the memory of s.
func bytesOf[T Element](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// sliceOf reads b, the memory of a Tensor, as elements: a Tensor is aligned
// for its elements and holds whole ones, and its bools are 0 or 1.
func sliceOf[T Element](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(zero)))
}

// aligned reports whether b begins at a multiple of size.
func aligned(b []byte, size int) bool {
	return size <= 1 || len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(size) == 0
}
