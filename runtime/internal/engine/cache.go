package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/cpu"
)

// ErrCache is why a directory is not used for compiled code.
const ErrCache Error = "engine: the cache is not safe to use"

// Cache is a directory for the compiled code of one part of a guest, for one
// build of this program and one kind of processor. What lies there is run as
// native code, so whoever can write to it can run anything: a directory that
// anybody else could have written to is refused.
type Cache struct {
	dir  string // of the guest
	part string
}

// OpenCache opens the directory for the guest with that digest below dir. Both
// are made if they are not there.
func OpenCache(dir string, guest [32]byte, part string) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	c := &Cache{filepath.Join(dir, cacheName(guest)), part}
	if err := os.Mkdir(c.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	for _, d := range []string{dir, c.dir, c.path()} {
		if err := private(d); err != nil && !(d == c.path() && errors.Is(err, os.ErrNotExist)) {
			return nil, fmt.Errorf("%w: %v", ErrCache, err)
		}
	}
	return c, nil
}

// path is the directory with the code of the part, once there is some.
func (c *Cache) path() string { return filepath.Join(c.dir, c.part) }

// build is how the directories begin that OpenCache makes. Each has the time at
// which it was last used.
const build = "build-"

// cacheName names all that the code depends on.
func cacheName(guest [32]byte) string {
	h := sha256.New()
	h.Write(guest[:])
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintln(h, info)
	}
	fmt.Fprintf(h, "%+v %+v\n", cpu.X86, cpu.ARM64)
	return build + hex.EncodeToString(h.Sum(nil))
}
