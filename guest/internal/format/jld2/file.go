// Package jld2 reads arrays and states of Flux models from files of JLD2.jl,
// which are HDF5 files: the subset of HDF5 that JLD2 0.1 to 0.2 writes, and of
// Julia's types those that hold data. What a file names but does not show, as
// functions and types, is refused; it is never looked up or run.
//
// A file of HDF5 without the header of JLD2 is read too, where it keeps to the
// subset: a superblock of version 2 or 3, which differ in what a writer marks
// there, object headers of version 2, links in them, contiguous and compact
// data.
package jld2

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

const (
	maxObjects = 100_000     // objects of a file: states of the largest models have some thousands
	maxChunk   = 16 << 20    // bytes of an object's header: 100,000 links take some 4 MiB
	maxDepth   = 100         // values in values, and types in types: an entry of a dictionary takes five, a layer three
	maxRank    = 32          // dims of an array, which is the limit of HDF5
	maxPieces  = 10_000      // pieces of an object's header: each time that a file is added to makes one
	maxName    = abi.MaxName // bytes of a path, which becomes the name of a tensor
)

const (
	signature = "\x89HDF\r\n\x1a\n"
	// headerSize is where the superblock stands behind the header of JLD2.
	headerSize     = 512
	superblockSize = 48
	undefined      = ^uint64(0) // an address of nothing
)

// headers are the texts that JLD2 files begin with; the version follows.
var headers = [...]string{"HDF5-based Julia Data Format, version ", "Julia data file (HDF5), version "}

// versions are those of the format that are read.
var versions = [...]string{"0.1.", "0.2."}

// Fits reports whether a file is of HDF5, if need be behind something else.
func Fits(c scan.Cursor) bool {
	head := c.Peek(4096 + len(signature))
	for at := 0; at < len(head); at = max(headerSize, 2*at) {
		if strings.HasPrefix(string(head[at:]), signature) {
			return true
		}
	}
	return version(head) != ""
}

// version is the version of JLD2 that a header names, with what follows it.
func version(head []byte) string {
	for _, h := range headers {
		if rest, ok := strings.CutPrefix(string(head[:min(len(head), headerSize)]), h); ok {
			return rest
		}
	}
	return ""
}

// file is a file as it is read. No byte of it is read for two objects.
type file struct {
	out   *weights.File
	blob  *scan.Blob
	base  int64 // what addresses count from
	julia bool  // it was written by JLD2
	names bool  // what it names is looked at: functions and types

	// A list and what it leads to are far from each other and are read by turns,
	// so each depth of values has a window of its own, and the heaps have one.
	values [8]*scan.Blob
	heaped *scan.Blob

	left    int64 // bytes that are of no object so far
	extents []extent
	objects map[int64]*object
	heaps   map[int64]map[uint32]scan.Cursor
	types   map[int64]*julia
	visited map[int64]bool  // objects that were listed
	named   map[int64]bool  // objects that were looked at as parameters of types
	said    map[string]bool // names that were refused
	listed  map[string]bool // names of arrays
	keys    map[path]bool   // keys of dictionaries
	varied  int64           // bytes of values of variable length that were read
}

// extent is a range of the file that an object takes.
type extent struct{ at, size int64 }

// Read lists the arrays of blob h. What the file names beside them plays no part
// in them.
func Read(box abi.Box, h abi.Handle, out *weights.File) { read(box, h, out, false) }

// Inspect reports what is in blob 1, and what of it is refused. task has the
// options.
func Inspect(box abi.Box, task abi.Task) {
	weights.Inspect(box, task, func(box abi.Box, h abi.Handle, out *weights.File) { read(box, h, out, true) })
}

func read(box abi.Box, h abi.Handle, out *weights.File, names bool) {
	f := &file{
		out: out, names: names, blob: scan.Open(box, h), heaped: scan.Open(box, h), objects: map[int64]*object{}, heaps: map[int64]map[uint32]scan.Cursor{},
		types: map[int64]*julia{}, visited: map[int64]bool{}, named: map[int64]bool{}, said: map[string]bool{},
		listed: map[string]bool{}, keys: map[path]bool{},
	}
	for i := range f.values {
		f.values[i] = scan.Open(box, h)
	}
	f.left = f.blob.Size()
	root := f.superblock()
	f.visit(root, &path{}, 0)
	f.disjoint()
}

// superblock reads the beginning of the file and gives the place of the root.
//
//	0                      512         base+8              base+48
//	┌──────────────────────┬───────────┬───────────────────┬─────────
//	│ JLD2's header, or    │ signature │ sizes, addresses, │ objects
//	│ nothing and base = 0 │           │ checksum          │ …
//	└──────────────────────┴───────────┴───────────────────┴─────────
func (f *file) superblock() (root int64) {
	c := f.blob.All()
	f.out.Format = "hdf5"
	if v := version(c.Peek(headerSize)); v != "" {
		f.julia, f.base = true, headerSize
		f.out.Format, v = "jld2", strings.TrimRight(v, "\x00")
		v, written, _ := strings.Cut(v, "\x00")
		f.out.Version = v
		if !slices.ContainsFunc(versions[:], func(known string) bool { return strings.HasPrefix(v, known) }) {
			f.lacks(0, "JLD2's format of version %q", v)
		}
		if written != "" {
			f.out.Field("written by", strings.Trim(written, " ()"))
		}
		f.out.Field("axes", "as in Julia, the first one fastest: images are width, height, channels, batch")
		c.Take(headerSize)
	}
	start := c
	at := c.Offset()
	if string(c.Peek(len(signature))) != signature {
		if !f.julia {
			f.lacks(0, "HDF5 behind a user block")
		}
		c.Fail("no signature of HDF5 behind the header")
	}
	c.Take(uint64(len(signature)))
	v := c.Byte()
	if v != 2 && v != 3 {
		f.lacks(at+8, "a superblock of version %d (2 and 3 are read)", v)
	}
	if offsets, lengths := c.Byte(), c.Byte(); offsets != 8 || lengths != 8 {
		f.lacks(at+9, "addresses of %d and lengths of %d bytes (8 are read)", offsets, lengths)
	}
	if !f.julia {
		f.out.Version = strconv.Itoa(int(v))
	}
	if flags := c.Byte(); v == 3 && flags != 0 { // which say nothing in version 2
		f.lacks(at+11, "a file that its writer did not close")
	}
	base, extension, end, address := c.Uint64(), c.Uint64(), c.Uint64(), c.Uint64()
	sum := start.Take(superblockSize - 4)
	if got, want := lookup3(sum.Bytes(superblockSize)), c.Uint32(); got != want {
		c.FailAt(at, "the superblock has the checksum %#x, not %#x", got, want)
	}
	if base != uint64(f.base) {
		c.FailAt(at+12, "addresses count from %d, not %d", base, f.base)
	}
	if extension != undefined {
		f.lacks(at+20, "an extension of the superblock")
	}
	if end != uint64(f.blob.Size()) {
		c.FailAt(at+28, "the file ends at %d, not %d", f.blob.Size(), end)
	}
	f.claim(at, superblockSize)
	return f.place(at+36, address)
}

// place is the offset in the file of an address that stands at an offset.
func (f *file) place(at int64, address uint64) int64 {
	if address >= uint64(f.blob.Size()-f.base) {
		f.wrong(at, "address %#x, behind the end of the file", address)
	}
	return f.base + int64(address)
}

// from is a cursor over the rest of the file, through one of the windows.
func from(b *scan.Blob, at int64) scan.Cursor {
	c := b.All()
	c.Take(uint64(at))
	return c
}

// data is a cursor over the data of an object, whose values are this deep.
func (f *file) data(d *data, depth int) scan.Cursor {
	if d.at < 0 {
		return scan.Cursor{}
	}
	c := from(f.values[depth%len(f.values)], d.at)
	return c.Take(uint64(d.size))
}

// claim notes that an object takes a range, which lies in the file. What all
// objects take is bounded, so that overlaps cost no more than the file is long.
func (f *file) claim(at, size int64) {
	if f.left -= size; f.left < 0 {
		f.wrong(at, "objects overlap: together they take more than the file has")
	}
	f.extents = append(f.extents, extent{at, size})
}

// disjoint demands that no byte is of two objects.
func (f *file) disjoint() {
	slices.SortFunc(f.extents, func(a, b extent) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.size, b.size)) })
	end := int64(0)
	for _, e := range f.extents {
		if e.at < end {
			f.wrong(e.at, "objects overlap")
		}
		end = e.at + e.size
	}
}

// wrong refuses the file, or the object that is read, as malformed.
func (f *file) wrong(at int64, format string, args ...any) {
	c := f.blob.All()
	c.FailAt(at, format, args...)
}

// lacks refuses a part of HDF5 that is not read.
func (f *file) lacks(at int64, format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: f.blob.Handle(), Offset: at, Text: fmt.Sprintf(format, args...) + " is not supported"})
}
