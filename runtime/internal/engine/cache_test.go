//go:build linux || darwin

package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

func compileWith(t *testing.T, dir string) {
	t.Helper()
	cache, err := OpenCache(dir, [32]byte{1}, "part")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	e, err := New(ctx, Config{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	code, err := e.Compile(ctx, tinyGuest(t))
	if err != nil {
		t.Fatal(err)
	}
	defer code.Close()
	i, err := code.Instantiate(ctx, Options{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if _, err := i.Call(ctx, &answers{}, &meter{}, abi.ExportLoad, 0); err != nil {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	compileWith(t, dir)
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache holds %v, %v", files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	long := time.Unix(1000, 0)
	base := filepath.Dir(filepath.Dir(filepath.Dir(files[0])))
	stale, young := filepath.Join(base, unfinished+"1"), filepath.Join(base, unfinished+"2")
	for _, d := range []string{stale, young} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(stale, long, long); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(files[0], long, long); err != nil {
		t.Fatal(err)
	}
	compileWith(t, dir)
	if info, err := os.Stat(files[0]); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("it was not used but written again: %v", err)
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	version := len("WAZEVO") + 1
	offsets := version + int(good[version-1]) + 4
	// Of another version, an engine puts its own code for what it was shown in
	// the place of the file.
	other := flipped(version)[:len(good)-crc32.Size]
	other = binary.BigEndian.AppendUint32(other, crc32.Checksum(other, castagnoli))
	for name, damaged := range map[string][]byte{
		"cut": good[:len(good)/2], "empty": nil, "another file": []byte("something else"), "another version": other,
		"a function elsewhere": flipped(offsets + 1), "code": flipped(len(good) / 2), "no checksum": good[:len(good)-crc32.Size],
		"the checksum": flipped(len(good) - 1), "the last byte of the engine's": flipped(len(good) - crc32.Size - 1), "longer": append(bytes.Clone(good), 0),
	} {
		if err := os.WriteFile(files[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		compileWith(t, dir)
		if b, err := os.ReadFile(files[0]); err != nil || string(b) != string(good) {
			t.Errorf("%s: it was not mended, %v", name, err)
		}
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("what was left behind is still there: %v", err)
	}
	if left, err := os.ReadDir(base); err != nil || len(left) != 2 {
		t.Errorf("beside the code there is %v, %v", left, err)
	}
}

// TestOldBuilds compiles beside the code of other builds.
func TestOldBuilds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	compileWith(t, dir)
	own := filepath.Join(dir, cacheName([32]byte{1}))
	old, used := time.Now().Add(-31*24*time.Hour), time.Now().Add(-29*24*time.Hour)
	for name, at := range map[string]time.Time{own: old, "build-old": old, "build-used": used, "other": old} {
		name = filepath.Join(dir, filepath.Base(name))
		if err := os.MkdirAll(filepath.Join(name, "part"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (names []string) {
		inside, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range inside {
			names = append(names, d.Name())
		}
		return names
	}
	compileWith(t, dir) // recalls
	if info, err := os.Stat(own); err != nil || time.Since(info.ModTime()) > time.Hour || len(left()) != 4 {
		t.Errorf("after its code was used there is %v, %v", left(), err)
	}
	if err := os.RemoveAll(filepath.Join(own, "part")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(own, old, old); err != nil {
		t.Fatal(err)
	}
	compileWith(t, dir)
	if got, want := left(), []string{filepath.Base(own), "build-used", "other"}; !slices.Equal(got, want) {
		t.Errorf("%v is left, not %v", got, want)
	}
}

// TestCacheIsShared starts at once in an empty cache: each has its code, and one
// leaves it for those to come.
func TestCacheIsShared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { compileWith(t, dir) })
	}
	wait.Wait()
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("the cache holds %v, %v", left, err)
	}
}

func TestUnsafeCaches(t *testing.T) {
	base := t.TempDir()
	place := func(name string, mode os.FileMode) string {
		dir := filepath.Join(base, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(place("target", 0o700), link); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(place("inner", 0o700), cacheName([32]byte{1}))
	if err := os.Symlink(place("target", 0o700), inner); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"readable by others":        place("readable", 0o755),
		"writable by others":        place("writable", 0o777),
		"sticky":                    place("sticky", 0o700|os.ModeSticky),
		"in one writable by others": filepath.Join(place("open", 0o777), "cache"),
		"in one writable by group":  filepath.Join(place("group", 0o770), "cache"),
		"a link":                    link,
		"a link inside":             filepath.Dir(inner),
		"a file":                    file,
		"below a file":              filepath.Join(file, "cache"),
	} {
		if _, err := OpenCache(dir, [32]byte{1}, "part"); !errors.Is(err, ErrCache) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenCache(filepath.Join(place("sticky parent", 0o777|os.ModeSticky), "cache"), [32]byte{1}, "part"); err != nil {
		t.Errorf("in a sticky directory: %v", err)
	}
	if cacheName([32]byte{1}) == cacheName([32]byte{2}) {
		t.Error("two guests share a cache")
	}
}

// TestWithoutBodies takes the bodies out of a module, also of one that is cut
// off.
func TestWithoutBodies(t *testing.T) {
	wasm := tinyGuest(t)
	whole, ok := withoutBodies(wasm)
	if again, _ := withoutBodies(whole); !ok || len(whole) >= len(wasm) || !bytes.Equal(again, whole) {
		t.Errorf("%d bytes of %d", len(whole), len(wasm))
	}
	for n := range wasm {
		withoutBodies(wasm[:n])
	}
	if _, ok := withoutBodies(append(wasm, 10, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)); ok {
		t.Error("more bodies than bytes")
	}
}
