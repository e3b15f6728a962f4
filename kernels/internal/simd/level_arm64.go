//go:build !purego

package simd

// neon is what every processor for arm64 has. Its functions were written
// without one to measure on, and tested in emulation.
const neon level = 1

var levelNames = map[string]level{"purego": portable, "neon": neon}

const best = neon
