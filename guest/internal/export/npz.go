package export

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// descr are the names of element types in an .npy file.
var descr = map[tensor.DType]string{
	tensor.Bool: "|b1", tensor.Uint8: "|u1", tensor.Int8: "|i1", tensor.Uint16: "<u2", tensor.Int16: "<i2", tensor.Float16: "<f2",
	tensor.Uint32: "<u4", tensor.Int32: "<i4", tensor.Float32: "<f4", tensor.Uint64: "<u8", tensor.Int64: "<i8", tensor.Float64: "<f8",
}

const (
	maxArchive = math.MaxUint32 // beyond it an archive needs its second form
	maxMembers = math.MaxUint16 - 1

	zipVersion = 20
	zipUTF8    = 0x800
	zipDate    = 1<<5 | 1 // the first day of 1980, as numpy writes it
)

// NPZ writes the tensors of w, in their order, as an archive of .npy files, none
// of them packed. The checksums of an archive stand before its data, so the guest reads all of
// it once.
func NPZ(box abi.Box, w *weights.File) *File {
	list := named(w)
	if len(list) > maxMembers {
		refuse("an npz of %d arrays", len(list))
	}
	f, dir := New(box), []byte(nil)
	for _, t := range list {
		head := arrayHeader(t)
		blob, off := t.RowMajor(box)
		size := int64(len(head)) + t.Size
		if size > maxArchive-f.size-int64(len(dir)) {
			refuse("an npz of more than %d bytes", int64(maxArchive))
		}
		member := memberHeader(t.Name, checksum(box, head, blob, off, t.Size), uint32(size))
		dir = append(dir, "PK\x01\x02"...)
		dir = binary.LittleEndian.AppendUint16(dir, zipVersion)
		dir = append(dir, member[4:30]...)
		dir = append(dir, make([]byte, 10)...) // comment, disk, attributes
		dir = binary.LittleEndian.AppendUint32(dir, uint32(f.size))
		dir = append(dir, member[30:]...)
		f.Write(member)
		f.Write(head)
		f.Range(blob, off, t.Size)
	}
	start := f.size
	f.Write(dir)
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = binary.LittleEndian.AppendUint16(end, uint16(len(list)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(list)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(dir)))
	end = binary.LittleEndian.AppendUint32(end, uint32(start))
	f.Write(append(end, 0, 0))
	return f.Close()
}

// memberHeader is the local header of a stored member, with its name.
func memberHeader(name string, sum, size uint32) []byte {
	if !fs.ValidPath(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' }) {
		refuse("no file in an npz can be called %q", name)
	}
	name += ".npy"
	flags := uint16(0)
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		flags = zipUTF8
	}
	le := binary.LittleEndian
	b := []byte("PK\x03\x04")
	for _, n := range [...]uint16{zipVersion, flags, 0, 0, zipDate} {
		b = le.AppendUint16(b, n)
	}
	for _, n := range [...]uint32{sum, size, size} {
		b = le.AppendUint32(b, n)
	}
	b = le.AppendUint16(b, uint16(len(name)))
	return append(le.AppendUint16(b, 0), name...)
}

// arrayHeader is what stands in front of the elements in an .npy file. It ends
// at a multiple of 64 bytes.
func arrayHeader(t *weights.Tensor) []byte {
	d, ok := descr[t.DType]
	if !ok {
		kind := t.Element
		if t.DType != 0 {
			kind = t.DType.String()
		}
		refuse("an npz is not written with elements of type %q, which tensor %q has", kind, t.Name)
	}
	text := []byte("{'descr': '" + d + "', 'fortran_order': False, 'shape': (")
	for i, dim := range t.Shape {
		if i > 0 {
			text = append(text, ' ')
		}
		text = append(appendInts(text, []int64{dim}), ',')
	}
	if len(t.Shape) > 1 {
		text = text[:len(text)-1]
	}
	text = append(text, "), }"...)
	b := []byte("\x93NUMPY\x01\x00\x00\x00")
	for (len(b)+len(text)+1)%64 != 0 {
		text = append(text, ' ')
	}
	text = append(text, '\n')
	binary.LittleEndian.PutUint16(b[8:], uint16(len(text)))
	return append(b, text...)
}

func checksum(box abi.Box, head []byte, blob abi.Handle, off, size int64) uint32 {
	sum := crc32.NewIEEE()
	sum.Write(head)
	if size > 0 {
		c := scan.Open(box, blob).All()
		c.Take(uint64(off))
		data := c.Take(uint64(size))
		io.Copy(sum, &data)
	}
	return sum.Sum32()
}
