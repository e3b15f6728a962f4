//go:build (!amd64 && !arm64) || purego

package simd

var levelNames = map[string]level{"purego": portable}

const best = portable
