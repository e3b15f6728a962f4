package npy

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// entry is a member as a test wants it: what it is in truth, and what the two
// headers say of it.
type entry struct {
	data           string // as it lies in the file
	local, central member
	extra          string // of the local header
	comment        string
	disk           uint16
	move           int // added to the offset in the directory
}

// add packs contents under a name.
func add(name, contents string, method uint16) entry {
	m := member{version: 20, method: method, date: 33, crc: crc32.ChecksumIEEE([]byte(contents)), size: uint64(len(contents)), name: name}
	e := entry{data: contents}
	if method == methodDeflated {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		w.Write([]byte(contents))
		w.Close()
		e.data = b.String()
	}
	m.packed = uint64(len(e.data))
	e.local, e.central = m, m
	return e
}

// both changes what both headers say.
func (e entry) both(change func(*member)) entry {
	change(&e.local)
	change(&e.central)
	return e
}

func (m *member) append(b []byte, extra string) []byte {
	le := binary.LittleEndian
	for _, v := range []uint16{m.version, m.flags, m.method, m.time, m.date} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{m.crc, uint32(min(m.packed, in64)), uint32(min(m.size, in64))} {
		b = le.AppendUint32(b, v)
	}
	return le.AppendUint16(le.AppendUint16(b, uint16(len(m.name))), uint16(len(extra)))
}

// pack is an archive of entries with an end that change has been at.
func pack(change func(end []byte), entries ...entry) []byte {
	le := binary.LittleEndian
	var b, dir []byte
	for _, e := range entries {
		at := len(b)
		b = e.local.append(append(b, localMagic...), e.extra)
		b = append(append(append(b, e.local.name...), e.extra...), e.data...)
		var wide string
		if e.central.size > in64 {
			wide = string(le.AppendUint64(le.AppendUint64([]byte("\x01\x00\x10\x00"), e.central.size), e.central.packed))
		}
		dir = e.central.append(append(dir, centralMagic+"\x14\x03"...), wide)
		dir = le.AppendUint16(dir, uint16(len(e.comment)))
		dir = append(le.AppendUint16(dir, e.disk), 0, 0, 0, 0, 0x80, 0x81)
		dir = le.AppendUint32(dir, uint32(at+e.move))
		dir = append(append(append(dir, e.central.name...), wide...), e.comment...)
	}
	end := append([]byte(endMagic), 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, uint16(len(entries))), uint16(len(entries)))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(dir))), uint32(len(b)))
	end = append(end, 0, 0)
	if change != nil {
		change(end)
	}
	return slices.Concat(b, dir, end)
}

// end64 gives an archive the second end, in which the numbers stand for which
// the first one has no room.
func end64(b []byte) []byte {
	le := binary.LittleEndian
	end := slices.Clone(b[len(b)-endSize:])
	b = b[:len(b)-endSize]
	at := len(b)
	b = append(append(b, end64Magic...), 44, 0, 0, 0, 0, 0, 0, 0, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, v := range []uint64{uint64(le.Uint16(end[8:])), uint64(le.Uint16(end[10:])), uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))} {
		b = le.AppendUint64(b, v)
	}
	b = append(append(b, locatorMagic...), 0, 0, 0, 0)
	b = append(le.AppendUint64(b, uint64(at)), 1, 0, 0, 0)
	copy(end[16:], "\xff\xff\xff\xff")
	return append(b, end...)
}

var (
	small  = array(dict("<f4", "False", "(2,)"), "abcdefgh")
	twenty = array(dict("|u1", "False", "(20000,)"), strings.Repeat("weights ", 2500))
)

func zip64(size, packed int) string {
	le := binary.LittleEndian
	return string(le.AppendUint64(le.AppendUint64([]byte("\x01\x00\x10\x00"), uint64(size)), uint64(packed)))
}

func TestArchive(t *testing.T) {
	numpy := add("a.npy", small, methodStored)
	numpy.extra = zip64(len(small), len(small))
	numpy.local.size, numpy.local.packed = in64, in64
	utf8 := add("layer/é.npy", small, methodDeflated).both(func(m *member) { m.flags = flagUTF8 })
	for name, b := range map[string][]byte{
		"stored":        pack(nil, add("a.npy", small, methodStored), add("b.npy", twenty, methodStored)),
		"deflated":      pack(nil, add("a.npy", small, methodDeflated), add("b.npy", twenty, methodDeflated)),
		"as numpy does": pack(nil, numpy, add("b.npy", small, methodDeflated)),
		"two ends":      end64(pack(nil, numpy)),
		"names":         pack(nil, utf8, add("a b.npy", small, methodStored), add(".npy", small, methodStored)),
		"nothing":       pack(nil),
	} {
		t.Run(name, func(t *testing.T) {
			box, f, fault := load(b, ReadArchive)
			if fault != nil {
				t.Fatalf("%+v", *fault)
			}
			for _, x := range f.Tensors {
				h, at := x.RowMajor(box)
				got := string(box.Blobs[h-1][at:][:x.Size])
				if !strings.HasSuffix(small, got) && !strings.HasSuffix(twenty, got) {
					t.Errorf("%+v: %q", x, got)
				}
				if x.Packed > 0 == (x.Blob == 1) {
					t.Errorf("%+v", x)
				}
			}
			if n := strings.Count(string(b), centralMagic); len(f.Tensors) != n {
				t.Errorf("%d of %d arrays", len(f.Tensors), n)
			}
		})
	}
}

// change flips the bits of one byte, counted from the end.
func change(b []byte, at int, bits byte) []byte {
	b[len(b)+at] ^= bits
	return b
}

func put(at int, v uint32) func([]byte) {
	return func(end []byte) { binary.LittleEndian.PutUint32(end[at:], v) }
}

// zeros is an array of 10 MiB that takes 10 KiB.
func zeros(name string) entry {
	return add(name, array(dict("|u1", "False", "(10485760,)"), strings.Repeat("\x00", 10<<20)), methodDeflated)
}

func zipLies() map[string]struct {
	file []byte
	kind abi.FaultKind
	text string
} {
	type lie = struct {
		file []byte
		kind abi.FaultKind
		text string
	}
	a, b := add("a.npy", small, methodStored), add("b.npy", small, methodDeflated)
	says := func(e entry, change func(*member)) entry { change(&e.local); return e }
	inner := a
	inner.move = 10
	lies := map[string]lie{
		"too-short":                     {[]byte(endMagic), malformed, "4 bytes are no zip archive"},
		"no-end":                        {[]byte(localMagic + strings.Repeat("x", 40)), malformed, "no end of the archive"},
		"comment":                       {append(pack(func(end []byte) { end[20] = 3 }, a), "abc"...), malformed, "no end of the archive"},
		"comment-that-is-not-there":     {pack(func(end []byte) { end[20] = 3 }, a), malformed, "the length of the comment is 3"},
		"bytes-in-front":                {append([]byte("#!/bin/sh\n"), pack(nil, a)...), malformed, "in front of byte"},
		"second-disk":                   {pack(put(4, 1), a), malformed, "the number of this disk is 1"},
		"more-members-than-there-are":   {pack(put(8, 0x00020002), a), malformed, "no entry of the directory"},
		"fewer-members-than-there-are":  {pack(put(8, 0x00010001), a, b), malformed, "behind the last entry"},
		"members-elsewhere":             {pack(put(8, 0x00020001), a), malformed, "a directory of 1 of 2 members"},
		"directory-behind-the-end":      {pack(put(16, 1<<31), a), malformed, "in front of byte"},
		"directory-of-four-gigabytes":   {pack(put(12, 1<<31), a), malformed, "in front of byte"},
		"two-ends-that-differ":          {change(end64(pack(nil, a)), -endSize-locatorSize-16, 1), malformed, "the two ends of the archive differ"},
		"zip64-end-of-another-size":     {change(end64(pack(nil, a)), -endSize-locatorSize-end64Size+4, 1), malformed, "a zip64 end of 45 bytes"},
		"zip64-end-elsewhere":           {change(end64(pack(nil, a)), -endSize-locatorSize+8, 1), malformed, "but it is at"},
		"zip64-of-two-disks":            {change(end64(pack(nil, a)), -endSize-4, 3), malformed, "2 disks"},
		"zip64-end-that-is-not-there":   {pack(put(16, in64), a), malformed, "no zip64"},
		"member-twice":                  {pack(nil, a, a), malformed, `"a.npy" stands twice`},
		"member-overlaps":               {pack(nil, a, func() entry { e := b; e.move = -4; return e }()), malformed, "those before it end at"},
		"member-inside-itself":          {pack(nil, inner), malformed, "is at byte 10"},
		"entries-of-one-member":         {pack(nil, a, func() entry { e := b; e.move = -len(pack(nil, a)); return e }()), malformed, "those before it end at"},
		"name-empty":                    {pack(nil, add("", small, 0)), malformed, "a name of a member that is empty"},
		"entry-comment":                 {pack(nil, func() entry { e := a; e.comment = "x"; return e }()), malformed, "the length of a comment is 1"},
		"entry-on-another-disk":         {pack(nil, func() entry { e := a; e.disk = 1; return e }()), malformed, "the disk of a member is 1"},
		"name-not-the-directory's":      {pack(nil, says(a, func(m *member) { m.name = "b.npy" })), malformed, "not what the directory says"},
		"checksum-not-the-directory's":  {pack(nil, says(a, func(m *member) { m.crc++ })), malformed, "not what the directory says"},
		"size-not-the-directory's":      {pack(nil, says(b, func(m *member) { m.size++ })), malformed, "not what the directory says"},
		"method-not-the-directory's":    {pack(nil, says(b, func(m *member) { m.method = methodStored })), malformed, "not what the directory says"},
		"flags-not-the-directory's":     {pack(nil, says(b, func(m *member) { m.flags = 2 })), malformed, "not what the directory says"},
		"sizes-behind-the-data":         {pack(nil, b.both(func(m *member) { m.flags = 8 })), missing, "stand behind its data"},
		"encrypted":                     {pack(nil, b.both(func(m *member) { m.flags = 1 })), missing, "is encrypted"},
		"patched":                       {pack(nil, b.both(func(m *member) { m.flags = 0x20 })), missing, "flags 0x20"},
		"bzip2":                         {pack(nil, b.both(func(m *member) { m.method = 12 })), missing, "compression method 12"},
		"stored-of-two-sizes":           {pack(nil, a.both(func(m *member) { m.size += 2 })), malformed, "is stored, but of"},
		"extra-field":                   {pack(nil, func() entry { e := a; e.extra = "UT\x05\x00\x01abcd"; return e }()), malformed, "an extra field of 9 bytes"},
		"extra-field-cut-short":         {pack(nil, func() entry { e := a; e.extra = "\x01\x00"; return e }()), malformed, "an extra field of 2 bytes"},
		"extra-field-with-another-size": {pack(nil, func() entry { e := a; e.extra = zip64(len(small)+1, len(small)); return e }()), malformed, "two sizes"},
		"sixteen-exabytes":              {pack(nil, b.both(func(m *member) { m.size, m.packed = 1<<63, 1<<63 })), missing, "members of more than"},
		"name-with-zero":                {pack(nil, add("a\x00.npy", small, 0)), malformed, "character U+0000"},
		"name-that-moves-the-cursor":    {pack(nil, add("\x1b[2Ja.npy", small, 0)), malformed, "character U+001B"},
		"name-that-turns-around":        {pack(nil, add("\u202ea.npy", small, 0).both(func(m *member) { m.flags = flagUTF8 })), malformed, "character U+202E"},
		"name-in-another-code":          {pack(nil, add("é.npy", small, 0)), malformed, "character U+00E9"},
		"name-not-utf8":                 {pack(nil, add("\xff.npy", small, 0)), malformed, "not UTF-8"},
		"name-of-5000-bytes":            {pack(nil, add(strings.Repeat("x", 5000)+".npy", small, 0)), malformed, "over the limit of 4096"},
		"pickle-beside-arrays":          {pack(nil, a, add("data.pkl", "\x80\x02.", 0)), unsafe, `member "data.pkl" is a pickle`},
		"another-archive":               {pack(func(end []byte) { end[20] = 3 }, add("word/document.xml", "<x/>", 8)), missing, `member "word/document.xml" is no .npy`},
		"checkpoint-of-pytorch":         {pack(put(16, 7), add("m/data.pkl", "\x80\x02.", 0)), unsafe, "is a pickle, as in a PyTorch checkpoint"},
		"bomb":                          {pack(nil, b.both(func(m *member) { m.size = 17 << 20 })), missing, "members of more than"},
		"bombs":                         {pack(nil, zeros("a.npy"), zeros("b.npy")), missing, "members of more than"},
		"checksum":                      {pack(nil, a.both(func(m *member) { m.crc++ })), malformed, "has the checksum"},
		"checksum-deflated":             {pack(nil, b.both(func(m *member) { m.crc++ })), malformed, "has the checksum"},
		"inflates-to-more":              {pack(nil, b.both(func(m *member) { m.size-- })), malformed, "does not inflate to its 74 bytes"},
		"inflates-to-less":              {pack(nil, b.both(func(m *member) { m.size++ })), malformed, "does not inflate to its 76 bytes"},
		"inflates-to-nothing":           {pack(nil, b.both(func(m *member) { m.size = 0 })), malformed, "does not inflate to its 0 bytes"},
		"objects":                       {pack(nil, add("a.npy", array(dict("|O", "False", "(1,)"), "\x80\x04N."), 8)), unsafe, "a pickle, which is code"},
		"array-that-is-none":            {pack(nil, add("a.npy", "hello", 8)), malformed, "length 6, but 5 bytes are left"},
	}
	garbage := b
	garbage.data += "x"
	lies["bytes-behind-the-deflated"] = lie{pack(nil, garbage.both(func(m *member) { m.packed++ })), malformed, "does not inflate"}
	cut := b
	cut.data = cut.data[:len(cut.data)-3]
	lies["deflated-cut-short"] = lie{pack(nil, cut.both(func(m *member) { m.packed -= 3 })), malformed, "does not inflate"}
	hole := pack(nil, a)
	at := bytes.Index(hole, []byte(centralMagic))
	hole = slices.Concat(hole[:at], []byte("hidden"), hole[at:])
	binary.LittleEndian.PutUint32(hole[len(hole)-6:], uint32(at+6))
	lies["bytes-before-the-directory"] = lie{hole, malformed, "6 bytes that are of no member"}
	return lies
}

func TestArchiveLies(t *testing.T) {
	for name, lie := range zipLies() {
		t.Run(name, func(t *testing.T) {
			_, _, fault := load(lie.file, ReadArchive)
			if fault == nil {
				t.Fatal("read")
			}
			if fault.Kind != lie.kind || fault.Blob != 1 || fault.Offset < 0 || fault.Offset > int64(len(lie.file)) || !strings.Contains(fault.Text, lie.text) {
				t.Errorf("%+v, want %q", *fault, lie.text)
			}
		})
	}
}

// TestPickles finds a pickle wherever it stands, at the member that it is.
func TestPickles(t *testing.T) {
	a, pickle := add("a.npy", small, methodStored), add("m/data.pkl", "\x80\x02.", methodStored)
	behind := a.both(func(m *member) { m.flags = flagBehind })
	behind.comment = "written to a stream"
	second := int64(len(localMagic) + 26 + len("a.npy") + len(small))
	for name, test := range map[string]struct {
		file []byte
		at   int64
	}{
		"first":              {pack(nil, pickle, a), 0},
		"second":             {pack(nil, a, pickle), second},
		"behind another":     {pack(nil, add("m/version", small, 0), pickle), second + int64(len("m/version")-len("a.npy"))},
		"behind a bad entry": {pack(nil, behind, pickle), second},
		"nowhere":            {pack(nil, a, func() entry { e := pickle; e.move = 1 << 30; return e }()), -1},
		"without directory":  {pack(put(16, 7), pickle), 0},
		"of objects":         {[]byte(array(dict("|O", "False", "(1,)"), "\x80\x04N.")), 20},
	} {
		t.Run(name, func(t *testing.T) {
			box := boxtest.New(test.file)
			fault := scan.Catch(func() { RefusePickle(box, 1) })
			if fault == nil || fault.Kind != unsafe || fault.Rule != rulePickle || fault.Offset != test.at {
				t.Errorf("%+v, not at %d", fault, test.at)
			}
		})
	}
	if fault := scan.Catch(func() { RefusePickle(boxtest.New(pack(nil, a)), 1) }); fault != nil {
		t.Errorf("without one: %+v", *fault)
	}
}

// TestBesideRefused lists the arrays beside one that is refused.
func TestBesideRefused(t *testing.T) {
	b := pack(nil, add("a.npy", small, 0), add("b.npy", array(dict("|O", "False", "(1,)"), "N."), 8), add("c.npy", small, 8))
	box := boxtest.New(b)
	var got []string
	fault := scan.Catch(func() {
		f := &weights.File{}
		ReadArchive(box, 1, f)
		for _, x := range f.Tensors {
			got = append(got, x.Name)
		}
		for _, x := range f.Refused {
			got = append(got, "refused "+x.Node)
		}
	})
	if fmt.Sprint(got) != "[a c refused b]" {
		t.Errorf("%v %+v", got, fault)
	}
}

func TestArchiveDamage(t *testing.T) {
	numpy := add("a.npy", small, methodStored)
	numpy.extra = zip64(len(small), len(small))
	numpy.local.size, numpy.local.packed = in64, in64
	for _, b := range [][]byte{pack(nil, numpy, add("b.npy", small, methodDeflated)), end64(pack(nil, numpy))} {
		if _, _, fault := load(b, ReadArchive); fault != nil {
			t.Fatalf("%+v", *fault)
		}
		for i := range b {
			if _, _, fault := load(b[:i], ReadArchive); fault == nil {
				t.Errorf("read when cut at byte %d", i)
			}
			for flip := range 8 {
				bad := bytes.Clone(b)
				bad[i] ^= 1 << flip
				load(bad, ReadArchive)
			}
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(pack(nil, add("a.npy", small, methodStored), add("b.npy", small, methodDeflated)))
	f.Add(end64(pack(nil, add("a.npy", small, methodStored))))
	for _, lie := range zipLies() {
		f.Add(lie.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, got, fault := load(b, ReadArchive)
		if fault != nil {
			return
		}
		sum := int64(0)
		for _, x := range got.Tensors {
			if x.Blob == 1 {
				sum += x.Size
			}
		}
		if sum > int64(len(b)) {
			t.Errorf("%d bytes in %d", sum, len(b))
		}
	})
}

func FuzzArray(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(array(dict(">u2", "True", "(2, 1)"), "abcd")))
	f.Fuzz(func(_ *testing.T, b []byte) {
		box, got, fault := load(b, Read)
		if fault == nil {
			scan.Catch(func() { got.Tensors[0].RowMajor(box) })
		}
	})
}
