// Package image holds the guest as it is shipped: compiled, rewritten by
// package vet, begun, and committed. The command in build makes it.
package image

import (
	"crypto/sha256"
	_ "embed"
	"sync"
)

var (
	//go:embed guest.wasm
	wasm []byte
	//go:embed hot.wasm
	hot []byte
	//go:embed warm.wasm
	warm []byte
	//go:embed begun.bin
	begun []byte
	//go:embed guest.sum
	sum []byte
)

var digest = sync.OnceValue(func() [32]byte { return sha256.Sum256(wasm) })

// Wasm is the guest. None of these may be changed.
func Wasm() []byte { return wasm }

// Hot is the guest with only the functions that most models need, which an
// engine takes up in a fifth of the time: a call of another one traps.
func Hot() []byte { return hot }

// Warm is Hot and what most files need of any format, inspections and
// conversions too.
func Warm() []byte { return warm }

// Begun is what the guest remembers once its start-up code has run, as
// vet.ParseBegun reads it. None of the others has data of its own.
func Begun() []byte { return begun }

// Digest is the SHA-256 of Wasm.
func Digest() [32]byte { return digest() }

// Build names what all of it was built from.
func Build() [32]byte { return sha256.Sum256(sum) }
