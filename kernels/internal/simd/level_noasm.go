//go:build !amd64 || purego

package simd

const best = portable

var active = portable
