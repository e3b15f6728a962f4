//go:build !unix

package runtime

const openFlags = 0
