package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/cpu"
)

// ErrCache is why a directory is not used for compiled code.
const ErrCache Error = "engine: the cache is not safe to use"

// Cache is a directory of compiled code, for one guest, one build of this
// program and one kind of processor. What lies there is run as native code, so
// whoever can write to it can run anything: a directory that anybody else could
// have written to is refused. It serves one Engine.
type Cache struct {
	dir string
	wz  wazero.CompilationCache
}

// OpenCache opens the directory for the guest with that digest below dir. Both
// are made if they are not there.
func OpenCache(dir string, guest [32]byte) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	c := &Cache{dir: filepath.Join(dir, cacheName(guest))}
	if err := os.Mkdir(c.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	for _, d := range []string{dir, c.dir} {
		if err := private(d); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrCache, err)
		}
	}
	if c.wz, err = wazero.NewCompilationCacheWithDir(c.dir); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCache, err)
	}
	return c, nil
}

// cacheName names all that the code depends on.
func cacheName(guest [32]byte) string {
	h := sha256.New()
	h.Write(guest[:])
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintln(h, info)
	}
	fmt.Fprintf(h, "%+v %+v\n", cpu.X86, cpu.ARM64)
	return hex.EncodeToString(h.Sum(nil))
}

// forget removes what the cache holds, since the engine could not read it.
func (c *Cache) forget() error {
	return filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}
