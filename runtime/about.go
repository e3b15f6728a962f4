package runtime

import (
	"crypto/sha256"

	"github.com/glovebox-ml/glovebox/guest/image"
	"github.com/glovebox-ml/glovebox/host"
)

// GuestDigest is the SHA-256 of the code that runs in the box. With the same
// one, and the same limits and seed, a model takes the same path through it.
func GuestDigest() [sha256.Size]byte { return image.Digest() }

// Lacks says what this build cannot do here, one line each.
func Lacks() []string {
	lacks := []string{"isolation in a process of its own"}
	if !host.Guarded {
		lacks = append(lacks, "guard pages around the memory of the box and of tensors")
	}
	return lacks
}
