//go:build linux || darwin

package pages

import "unsafe"

// address is where a mapping lies.
func address(all []byte) int64 { return int64(uintptr(unsafe.Pointer(unsafe.SliceData(all)))) }
