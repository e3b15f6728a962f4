// Package image holds the guest as it is shipped: compiled, rewritten by
// package vet, and committed. The command in build makes it.
package image

import (
	"crypto/sha256"
	_ "embed"
	"sync"
)

//go:embed guest.wasm
var wasm []byte

var digest = sync.OnceValue(func() [32]byte { return sha256.Sum256(wasm) })

// Wasm is the guest. It must not be changed.
func Wasm() []byte { return wasm }

// Digest is the SHA-256 of Wasm.
func Digest() [32]byte { return digest() }
