package scan_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// pattern is n bytes that differ from their neighbours.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7 >> 3)
	}
	return p
}

func TestReads(t *testing.T) {
	const size = 100_000
	file := pattern(size)
	copy(file[40_000:], "\x96\x01\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x01\x02\x0a")
	c := scan.Open(boxtest.New(file), 1).All()
	head := c.Take(40_000)
	if got, _ := io.ReadAll(&head); !bytes.Equal(got, file[:40_000]) {
		t.Error("Read gives other bytes than the file's")
	}
	if v := c.Varint(); v != 150 {
		t.Errorf("varint %d", v)
	}
	if v := c.Uint64(); v != 0x0807060504030201 {
		t.Errorf("uint64 %x", v)
	}
	if v := c.Uint32(); v != 0x04030201 {
		t.Errorf("uint32 %x", v)
	}
	if v := c.Uint16(); v != 0x0201 {
		t.Errorf("uint16 %x", v)
	}
	if num, typ := c.Tag(); num != 1 || typ != 2 {
		t.Errorf("tag %d %d", num, typ)
	}
	if c.Offset() != 40_017 || c.Left() != size-40_017 {
		t.Errorf("at %d, %d left", c.Offset(), c.Left())
	}
	rest := c
	if !bytes.Equal(rest.Bytes(size), file[40_017:]) {
		t.Error("Bytes gives other bytes than the file's")
	}
	if !bytes.Equal(c.Peek(100), file[40_017:][:100]) {
		t.Error("Peek gives other bytes than the file's")
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
		read func(c *scan.Cursor)
		at   int64
		text string
	}{
		{"take more than there is", "abc", func(c *scan.Cursor) { c.Byte(); c.Take(3) }, 1, "length 3, but 2 bytes are left"},
		{"take nearly everything there could be", "abc", func(c *scan.Cursor) { c.Take(1<<64 - 1) }, 0, "but 3 bytes"},
		{"number across the end", "abc", func(c *scan.Cursor) { c.Uint32() }, 0, "4 bytes expected, but 3 are left"},
		{"number across the end of a range", "abcdefgh", func(c *scan.Cursor) { r := c.Take(2); r.Uint32() }, 0, "4 bytes expected, but 2 are left"},
		{"varint across the end of a range", "\x80\x80\x80\x01", func(c *scan.Cursor) { r := c.Take(2); r.Varint() }, 0, "bad varint"},
		{"varint of eleven bytes", strings.Repeat("\xff", 11), func(c *scan.Cursor) { c.Varint() }, 0, "bad varint"},
		{"no varint", "", func(c *scan.Cursor) { c.Varint() }, 0, "bytes end"},
		{"field number zero", "\x02", func(c *scan.Cursor) { c.Tag() }, 0, "bad field number"},
		{"more bytes than allowed", "abc", func(c *scan.Cursor) { c.Bytes(2) }, 0, "over the limit of 2"},
		{"fill more than there is", "abc", func(c *scan.Cursor) { c.ReadFull(make([]byte, 4)) }, 0, "4 bytes expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fault := scan.Catch(func() {
				c := scan.Open(boxtest.New([]byte(test.file)), 1).All()
				test.read(&c)
			})
			if fault == nil || fault.Kind != abi.FaultMalformed || fault.Blob != 1 || fault.Offset != test.at || !strings.Contains(fault.Text, test.text) {
				t.Errorf("%+v, want %q at %d", fault, test.text, test.at)
			}
		})
	}
}

func TestNoSuchBlob(t *testing.T) {
	if f := scan.Catch(func() { scan.Open(boxtest.New(nil), 2) }); f == nil || f.Offset != -1 {
		t.Errorf("%+v", f)
	}
}
