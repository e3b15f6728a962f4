package npy

import (
	"bytes"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// suffix is what the names of members end in; the tensors are called without.
const suffix = ".npy"

// pickleSuffix is what the names of pickles in a checkpoint of PyTorch end in.
const pickleSuffix = ".pkl"

// Fits reports whether a file begins as an .npy does.
func Fits(c scan.Cursor) bool { return bytes.HasPrefix(c.Peek(len(Magic)), []byte(Magic)) }

// FitsArchive reports whether a file begins as a zip archive does.
func FitsArchive(c scan.Cursor) bool {
	head := string(c.Peek(4))
	return head == localMagic || head == endMagic
}

// Read reads an .npy as a file of one tensor, which has the name that numpy
// gives to an array without one.
func Read(box abi.Box, h abi.Handle, f *weights.File) {
	f.Format = "npy"
	t := ReadArray(scan.Open(box, h).All())
	t.Name = "arr_0"
	f.Tensors = []weights.Tensor{t}
}

// ReadArchive lists the arrays of an .npz in their order.
func ReadArchive(box abi.Box, h abi.Handle, f *weights.File) {
	f.Format = "npz"
	RefusePickle(box, h)
	a := newArchive(box, h)
	a.first()
	entries, dir := a.directory()
	var next uint64 // where the members so far end
	var total uint64
	room := uint64(maxRatio*a.all.Left() + ratioSet)
	seen := map[string]bool{}
	start := dir.Offset()
	for range entries {
		at := dir.Offset()
		m, offset := a.central(&dir)
		name, ok := strings.CutSuffix(m.name, suffix)
		switch {
		case !ok:
			a.foreign(at, m.name)
		case seen[name]:
			dir.FailAt(at, "member %q stands twice", m.name)
		case offset != next:
			dir.FailAt(at, "member %q is at byte %d, but those before it end at %d", m.name, offset, next)
		case m.size > room-total:
			a.lacks(at, m.name, "members of more than %d bytes in an archive of %d", room, a.all.Left())
		}
		seen[name] = true
		total += m.size
		var data scan.Cursor
		data, next = a.local(offset, m)
		f.Attempt(func() { a.array(f, name, m, data) })
	}
	if dir.Left() > 0 {
		dir.Fail("%d bytes behind the last entry of the directory", dir.Left())
	}
	if next != uint64(start) {
		dir.FailAt(int64(next), "%d bytes that are of no member", uint64(start)-next)
	}
}

// RefusePickle refuses a file in which there is a pickle, whatever else is the
// matter with it.
func RefusePickle(box abi.Box, h abi.Handle) {
	a := newArchive(box, h)
	for _, look := range []func(){func() { ReadArray(a.all) }, a.first, a.pickles} {
		if fault := scan.Catch(look); fault != nil && fault.Kind == abi.FaultUnsafe {
			scan.Refuse(*fault)
		}
	}
}

// pickles refuses an archive by the names in its directory, of which nothing
// else has to be as that of an npz.
func (a *archive) pickles() {
	entries, dir := a.directory()
	for range entries {
		magic(&dir, centralMagic, "entry of the directory")
		dir.Uint16() // by whom it was made
		var m member
		names, extras := m.read(&dir)
		comment := uint64(dir.Uint16())
		dir.Take(8) // the disk, what the file is and what its rights are
		at := int64(dir.Uint32())
		name := a.name(&dir, names, m.flags)
		if at > a.all.Left() {
			at = -1 // in the extra field, or nowhere
		}
		if strings.HasSuffix(name, pickleSuffix) {
			a.foreign(at, name)
		}
		dir.Take(extras + comment)
	}
}

// first refuses an archive whose first member is no array, before its directory
// has to be one that an npz has.
func (a *archive) first() {
	name := ""
	scan.Catch(func() {
		c := a.at(0)
		magic(&c, localMagic, "member")
		var m member
		length, _ := m.read(&c)
		name = a.name(&c, length, m.flags)
	})
	if name != "" && !strings.HasSuffix(name, suffix) {
		a.foreign(0, name)
	}
}

// foreign refuses a member that is no array.
func (a *archive) foreign(at int64, name string) {
	if strings.HasSuffix(name, pickleSuffix) {
		f := a.fault(abi.FaultUnsafe, at, name, "member %q is a pickle, as in a PyTorch checkpoint: it is code, which is not run; save the weights as safetensors", name)
		f.Rule = rulePickle
		scan.Refuse(f)
	}
	a.lacks(at, name, "member %q is no %s: of zip archives, those of arrays are read", name, suffix)
}

// array reads the array that is a member. A fault in what was inflated is one
// of the member's bytes in the file.
func (a *archive) array(f *weights.File, name string, m member, data scan.Cursor) {
	at := data.Offset()
	var t weights.Tensor
	fault := scan.Catch(func() { t = ReadArray(a.contents(m, data)) })
	if fault != nil {
		if fault.Blob != a.blob {
			fault.Blob, fault.Offset = a.blob, at
		}
		fault.Node = name
		scan.Refuse(*fault)
	}
	if t.Name = name; t.Blob != a.blob {
		t.Packed = at
	}
	f.Tensors = append(f.Tensors, t)
}
