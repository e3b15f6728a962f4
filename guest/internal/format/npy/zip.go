package npy

import (
	"bufio"
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

const (
	// maxName bounds the name of a member, which becomes that of a tensor.
	maxName = abi.MaxName
	// An archive may hold 100 times its own size and 16 MiB more: weights
	// compress by a tenth, and small files of zeros may do what they like.
	maxRatio = 100
	ratioSet = 16 << 20
)

// The records of an archive, by what they begin with, and their sizes.
const (
	localMagic   = "PK\x03\x04"
	centralMagic = "PK\x01\x02"
	endMagic     = "PK\x05\x06"
	end64Magic   = "PK\x06\x06"
	locatorMagic = "PK\x06\x07"

	endSize     = 22
	end64Size   = 56
	locatorSize = 20

	zip64Extra = 1
	in64       = 0xffffffff // the number stands in the extra field

	methodStored   = 0
	methodDeflated = 8
	flagEncrypted  = 1
	flagBehind     = 8
	flagUTF8       = 0x800
	flagsAllowed   = flagUTF8 | 6 // and how hard the compressor tried
)

// member is what both directories of an archive say of a file in it.
type member struct {
	version, flags, method, time, date uint16
	crc                                uint32
	packed, size                       uint64
	name                               string
}

// archive is a zip archive that is nothing else besides: members one after the
// other from the first byte on, the central directory, the end.
//
//	0                                       directory          end
//	┌───────────────┬──────┬────────┬───────┬─────────┬────────┬─────┐
//	│ local header  │ data │ header │ data …│ central │ … again│ end │
//	└───────────────┴──────┴────────┴───────┴─────────┴────────┴─────┘
type archive struct {
	box  abi.Box
	blob abi.Handle
	all  scan.Cursor
	data scan.Cursor // the same, with a window of its own: members and directory are read in turns

	// What inflates, and what it reads and writes through: made once, since an
	// archive may have many members of a few bytes.
	inflate io.ReadCloser
	ahead   *bufio.Reader
	piece   []byte
}

func newArchive(box abi.Box, h abi.Handle) *archive {
	a := &archive{box: box, blob: h, all: scan.Open(box, h).All(), data: scan.Open(box, h).All()}
	a.ahead, a.piece = bufio.NewReader(nil), make([]byte, 32<<10)
	a.inflate = flate.NewReader(a.ahead)
	return a
}

// at is a cursor from an offset on.
func (a *archive) at(off uint64) scan.Cursor {
	c := a.data
	c.Take(off)
	return c
}

// magic demands the bytes that a record begins with.
func magic(c *scan.Cursor, want, what string) {
	if string(c.Peek(len(want))) != want {
		c.Fail("no %s where one should be", what)
	}
	c.Take(uint64(len(want)))
}

// zero demands that fields which have no use are not used.
func zero(c *scan.Cursor, what string, value uint64) {
	if value != 0 {
		c.Fail("%s is %d, not 0", what, value)
	}
}

// directory finds the central directory.
func (a *archive) directory() (entries uint64, dir scan.Cursor) {
	size := uint64(a.all.Left())
	if size < endSize {
		a.all.Fail("%d bytes are no zip archive", size)
	}
	at := size - endSize
	c := a.at(at)
	magic(&c, endMagic, "end of the archive")
	zero(&c, "the number of this disk", uint64(c.Uint32()))
	here, total := uint64(c.Uint16()), uint64(c.Uint16())
	length, start := uint64(c.Uint32()), uint64(c.Uint32())
	zero(&c, "the length of the comment", uint64(c.Uint16()))
	if here == 0xffff || length == in64 || start == in64 {
		at, here, total, length, start = a.end64(at, here, length, start)
	}
	if here != total || start > at || length != at-start {
		a.all.FailAt(int64(at), "a directory of %d of %d members, %d bytes from %d on, in front of byte %d", here, total, length, start, at)
	}
	dir = a.all
	dir.Take(start)
	return total, dir.Take(length)
}

// end64 reads the second end, which stands before the first one where a number
// of that one has no room in it.
func (a *archive) end64(at, here, length, start uint64) (uint64, uint64, uint64, uint64, uint64) {
	if at < end64Size+locatorSize {
		a.all.FailAt(int64(at), "no zip64 end before the end")
	}
	at -= end64Size + locatorSize
	c := a.at(at)
	magic(&c, end64Magic, "zip64 end")
	if n := c.Uint64(); n != end64Size-12 {
		c.Fail("a zip64 end of %d bytes", n)
	}
	c.Uint32() // versions
	zero(&c, "the number of this disk", c.Uint64())
	here64, total64, length64, start64 := c.Uint64(), c.Uint64(), c.Uint64(), c.Uint64()
	if here != min(here64, 0xffff) || length != in64 && length != length64 || start != in64 && start != start64 {
		c.Fail("the two ends of the archive differ")
	}
	magic(&c, locatorMagic, "zip64 locator")
	zero(&c, "the disk of the zip64 end", uint64(c.Uint32()))
	if off := c.Uint64(); off != at {
		c.Fail("a zip64 end at %d, but it is at %d", off, at)
	}
	if disks := c.Uint32(); disks != 1 {
		c.Fail("%d disks", disks)
	}
	return at, here64, total64, length64, start64
}

// central reads an entry of the central directory and where its member begins.
func (a *archive) central(c *scan.Cursor) (m member, offset uint64) {
	at := c.Offset()
	magic(c, centralMagic, "entry of the directory")
	c.Uint16() // by whom it was made
	names, extras := m.read(c)
	zero(c, "the length of a comment", uint64(c.Uint16()))
	zero(c, "the disk of a member", uint64(c.Uint16()))
	c.Uint16() // what the file is
	c.Uint32() // what its rights are
	offset = uint64(c.Uint32())
	m.name = a.name(c, names, m.flags)
	wide := []*uint64{}
	for _, n := range []*uint64{&m.size, &m.packed, &offset} {
		if *n == in64 {
			wide = append(wide, n)
		}
	}
	extra(c, extras, wide)
	switch {
	case m.flags&flagEncrypted != 0:
		a.lacks(at, m.name, "member %q is encrypted: save the arrays without a password", m.name)
	case m.flags&flagBehind != 0:
		a.lacks(at, m.name, "the sizes of member %q stand behind its data: save the arrays to a file, not to a stream", m.name)
	case m.flags&^flagsAllowed != 0:
		a.lacks(at, m.name, "flags %#x are not supported", m.flags)
	}
	if m.method != methodStored && m.method != methodDeflated {
		a.lacks(at, m.name, "compression method %d of member %q is not supported: 0, stored, and 8, deflated, are", m.method, m.name)
	}
	if m.method == methodStored && m.packed != m.size {
		c.FailAt(at, "member %q is stored, but of %d and %d bytes", m.name, m.packed, m.size)
	}
	return m, offset
}

// read reads what local headers and the directory have in common, and the
// lengths of the name and the extra field.
func (m *member) read(c *scan.Cursor) (names, extras uint64) {
	m.version, m.flags, m.method = c.Uint16(), c.Uint16(), c.Uint16()
	m.time, m.date, m.crc = c.Uint16(), c.Uint16(), c.Uint32()
	m.packed, m.size = uint64(c.Uint32()), uint64(c.Uint32())
	return uint64(c.Uint16()), uint64(c.Uint16())
}

// name reads a name of printable characters.
func (a *archive) name(c *scan.Cursor, length uint64, flags uint16) string {
	at := c.Offset()
	text := c.Take(length)
	name := string(text.Bytes(maxName))
	if name == "" || !utf8.ValidString(name) {
		c.FailAt(at, "a name of a member that is empty or not UTF-8")
	}
	for _, r := range name {
		if !unicode.IsPrint(r) || r >= utf8.RuneSelf && flags&flagUTF8 == 0 {
			c.FailAt(at, "character %U in the name of a member", r)
		}
	}
	return name
}

// extra reads an extra field, which holds the numbers that have no room where
// they belong and nothing else.
func extra(c *scan.Cursor, length uint64, wide []*uint64) {
	at := c.Offset()
	e := c.Take(length)
	if length == 0 && len(wide) == 0 {
		return
	}
	if e.Left() != int64(4+8*len(wide)) || e.Uint16() != zip64Extra || int(e.Uint16()) != 8*len(wide) {
		c.FailAt(at, "an extra field of %d bytes, for %d long numbers", length, len(wide))
	}
	for _, n := range wide {
		*n = e.Uint64()
	}
}

// local reads the header in front of a member's data, which must say what the
// directory says, and gives the data.
func (a *archive) local(offset uint64, want member) (data scan.Cursor, next uint64) {
	c := a.at(offset)
	magic(&c, localMagic, "member")
	var m member
	names, extras := m.read(&c)
	m.name = a.name(&c, names, m.flags)
	if extras > 0 { // always both sizes, also where they have room in the header
		size, packed := m.size, m.packed
		extra(&c, extras, []*uint64{&m.size, &m.packed})
		if size != in64 && size != m.size || packed != in64 && packed != m.packed {
			c.FailAt(int64(offset), "member %q has two sizes", m.name)
		}
	}
	if m != want {
		c.FailAt(int64(offset), "the header of member %q is not what the directory says", want.name)
	}
	data = c.Take(m.packed)
	return data, uint64(c.Offset())
}

// contents is the data of a member as a range of a blob: as it lies in the
// file, or inflated into a blob of its own.
func (a *archive) contents(m member, data scan.Cursor) scan.Cursor {
	sum := crc32.NewIEEE()
	out, at := data, data.Offset()
	if m.method == methodStored {
		for data.Left() > 0 {
			p := a.piece[:min(int64(len(a.piece)), data.Left())]
			data.ReadFull(p)
			sum.Write(p)
		}
	} else {
		w := weights.NewWriter(a.box, int64(m.size), a.fault(abi.FaultUnsupported, at, m.name, "member %q", m.name))
		a.ahead.Reset(&data)
		a.inflate.(flate.Resetter).Reset(a.ahead, nil)
		n, err := io.CopyBuffer(io.MultiWriter(w, sum), io.LimitReader(a.inflate, int64(m.size)), a.piece)
		if err == nil {
			_, err = io.ReadFull(a.inflate, a.piece[:1])
		}
		if err != io.EOF || uint64(n) != m.size || data.Left() > 0 || a.ahead.Buffered() > 0 {
			scan.Refuse(a.fault(abi.FaultMalformed, at, m.name, "the data of member %q does not inflate to its %d bytes", m.name, m.size))
		}
		out = scan.Open(a.box, w.Close()).All()
	}
	if sum.Sum32() != m.crc {
		scan.Refuse(a.fault(abi.FaultMalformed, at, m.name, "member %q has the checksum %#x, not %#x", m.name, sum.Sum32(), m.crc))
	}
	return out
}

func (a *archive) fault(kind abi.FaultKind, at int64, name, format string, args ...any) abi.Fault {
	return abi.Fault{Kind: kind, Blob: a.blob, Offset: at, Node: name, Text: fmt.Sprintf(format, args...)}
}

func (a *archive) lacks(at int64, name, format string, args ...any) {
	scan.Refuse(a.fault(abi.FaultUnsupported, at, name, format, args...))
}
