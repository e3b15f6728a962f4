package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// An engine that has the code of a module on disk still decodes, hashes and
// checks each of its functions, which takes longer than reading the code. So
// the code is kept under a module of the same functions without their bodies,
// and later that module is all that the engine is shown.

// recall takes the code of a guest from the cache, or compiles the guest and
// puts its code there.
func (e *Engine) recall(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	cache := e.config.Cache
	bodiless, ok := withoutBodies(wasm)
	if !ok || e.wz != nil {
		return nil, ErrModule
	}
	now := time.Now()
	os.Chtimes(cache.dir, now, now)
	if before := onlyFile(cache.path()); before != nil && before.whole() && e.open(ctx, cache.path()) == nil {
		cm, err := e.wz.CompileModule(ctx, bodiless)
		// An engine that cannot use a file may write its own in the place of it.
		if after := onlyFile(cache.path()); err == nil && after != nil && os.SameFile(before.FileInfo, after.FileInfo) {
			return cm, nil
		}
	}
	e.shut()
	os.RemoveAll(cache.path())
	cache.sweep()
	fresh, err := os.MkdirTemp(cache.dir, unfinished)
	if err != nil { // a disk that is full costs time, not the call
		if err := e.open(ctx, ""); err != nil {
			return nil, err
		}
		return e.wz.CompileModule(ctx, wasm)
	}
	defer os.RemoveAll(fresh)
	if err := e.open(ctx, filepath.Join(fresh, "code")); err != nil {
		return nil, err
	}
	cm, err := e.wz.CompileModule(ctx, wasm)
	if err == nil {
		cache.keep(ctx, fresh, bodiless)
	}
	return cm, err
}

// unfinished is how the directories begin in which code is put together.
const unfinished = "new-"

// sweep removes what processes left behind that were ended as they compiled,
// which takes seconds, and the code of builds that nobody has run for long.
func (c *Cache) sweep() {
	sweep(c.dir, unfinished, time.Hour)
	sweep(filepath.Dir(c.dir), build, 30*24*time.Hour)
}

func sweep(dir, prefix string, age time.Duration) {
	inside, _ := os.ReadDir(dir)
	for _, d := range inside {
		info, err := d.Info()
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), prefix) && time.Since(info.ModTime()) > age {
			os.RemoveAll(filepath.Join(dir, d.Name()))
		}
	}
}

// keep puts the code that was compiled in the directory fresh in place of that
// of the module without bodies, and all of it into the cache at once. Where
// that fails, or another process was faster, nothing is kept.
func (c *Cache) keep(ctx context.Context, fresh string, bodiless []byte) {
	dir := filepath.Join(fresh, "bodiless")
	e := &Engine{}
	defer e.shut()
	if e.open(ctx, dir) != nil {
		return
	}
	if _, err := e.wz.CompileModule(ctx, bodiless); err != nil {
		return
	}
	code, place := onlyFile(filepath.Join(fresh, "code")), onlyFile(dir)
	if code != nil && place != nil && code.seal() == nil && os.Rename(code.path, place.path) == nil {
		os.Rename(dir, c.path())
	}
}

// found is a file and where it is.
type found struct {
	os.FileInfo
	path string
}

// onlyFile is the one file in the one directory that is in dir, or nil.
func onlyFile(dir string) *found {
	for range 2 {
		inside, err := os.ReadDir(dir)
		if err != nil || len(inside) != 1 {
			return nil
		}
		dir = filepath.Join(dir, inside[0].Name())
	}
	info, err := os.Lstat(dir)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return &found{info, dir}
}

// castagnoli is the checksum that processors compute themselves: it is there to
// find damage, as nobody but this user can write to the file.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal ends the file with its checksum.
func (f *found) seal() error {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	return os.WriteFile(f.path, binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), 0o600)
}

// whole reports whether the file is as it was sealed.
func (f *found) whole() bool {
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close()
	h := crc32.New(castagnoli)
	io.CopyBuffer(h, io.LimitReader(file, f.Size()-crc32.Size), make([]byte, 64<<10))
	sum, err := io.ReadAll(file)
	return err == nil && bytes.Equal(sum, h.Sum(nil))
}

// codeSection is the section that holds the bodies of functions.
const codeSection = 10

// withoutBodies is a module in which each function traps, and nothing else is
// changed.
func withoutBodies(wasm []byte) ([]byte, bool) {
	const header = 8
	if len(wasm) < header {
		return nil, false
	}
	out := append([]byte(nil), wasm[:header]...)
	for rest := wasm[header:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil, false
		}
		body := rest[1+n:][:size]
		rest = rest[1+n+int(size):]
		if id == codeSection {
			count, n := binary.Uvarint(body)
			if n <= 0 || count > size {
				return nil, false
			}
			body = binary.AppendUvarint(nil, count)
			for range count {
				body = append(body, 3, 0, 0x00, 0x0b) // three bytes: no locals, unreachable, end
			}
		}
		out = binary.AppendUvarint(append(out, id), uint64(len(body)))
		out = append(out, body...)
	}
	return out, true
}
