package npy

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

const (
	malformed = abi.FaultMalformed
	missing   = abi.FaultUnsupported
	unsafe    = abi.FaultUnsafe
)

// array is an .npy of version 1.
func array(header, elements string) string {
	b := binary.LittleEndian.AppendUint16([]byte(Magic+"\x01\x00"), uint16(len(header)))
	return string(b) + header + elements
}

func dict(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, fortran, shape)
}

func load(b []byte, read weights.Reader) (*boxtest.Box, *weights.File, *abi.Fault) {
	box := boxtest.New(b)
	var f *weights.File
	fault := scan.Catch(func() { f = weights.Load(box, 1, read) })
	return box, f, fault
}

func TestRead(t *testing.T) {
	b := array(dict(">u2", "True", "(2L, 1)"), "abcd")
	_, f, fault := load([]byte(b), Read)
	if fault != nil {
		t.Fatalf("%+v", *fault)
	}
	if got := fmt.Sprintf("%+v", f.Tensors); got != "[{Name:arr_0 DType:uint16 Element: Shape:[2 1] Blob:1 At:69 Size:4 ColumnMajor:true BigEndian:true Packed:0}]" {
		t.Error(got)
	}
}

func TestLies(t *testing.T) {
	for _, lie := range []struct {
		name string
		file string
		kind abi.FaultKind
		at   string
		plus int
		text string
	}{
		{"other-magic", "\x93NUMPZ\x01\x00\x00\x00", malformed, "", 0, "no npy"},
		{"version-4", Magic + "\x04\x00\x02\x00{}", malformed, "", 6, "npy version 4.0"},
		{"version-0", Magic + "\x00\x00\x02\x00{}", malformed, "", 6, "npy version 0.0"},
		{"version-1.1", Magic + "\x01\x01\x02\x00{}", malformed, "", 6, "npy version 1.1"},
		{"header-longer-than-the-file", Magic + "\x02\x00\xff\xff\xff\xff{}", malformed, "{}", 0, "length 4294967295, but 2 bytes are left"},
		{"header-over-its-cap", Magic + "\x02\x00\x01\x00\x01\x00" + strings.Repeat(" ", 1<<16+1), malformed, "    ", 0, "65537 bytes, over the limit"},
		{"no-header", array("", ""), malformed, "", 10, `"{" expected`},
		{"header-that-is-a-list", array("['<f4', False, ()]", "abcd"), malformed, "[", 0, `"{" expected`},
		{"two-keys", array("{'descr': '<f4', 'shape': ()}", "abcd"), malformed, "abcd", 0, "2 of 3 keys"},
		{"four-keys", array("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'code': 1}", "abcd"), malformed, ": 1", 1, `key "code"`},
		{"key-twice", array("{'descr': '<f4', 'descr': '<f4', 'shape': ()}", "abcd"), malformed, "'<f4', 'shape'", -1, `"descr" stands twice`},
		{"key-by-an-escape", array(`{'d\x65scr': '<f4'}`, "abcd"), malformed, `d\x65`, 0, "a text without an end"},
		{"call-for-a-shape", array("{'descr': '<f4', 'fortran_order': False, 'shape': exit()}", "abcd"), malformed, "exit", 0, `"(" expected`},
		{"sum-in-a-shape", array(dict("<f4", "False", "(1+0,)"), "abcd"), malformed, "+0", 0, `")" expected`},
		{"negative-dimension", array(dict("<f4", "False", "(-1,)"), "abcd"), malformed, "-1", 0, "a dimension expected"},
		{"dimension-of-2-to-the-63", array(dict("<f4", "False", "(9223372036854775808,)"), "abcd"), malformed, "9223", 0, "a dimension expected"},
		{"elements-that-wrap", array(dict("<f4", "False", "(4294967296, 4294967296)"), ""), malformed, ", }", 3, "size over"},
		{"fewer-elements", array(dict("<f4", "False", "(2,)"), "abcd"), malformed, "abcd", 0, "takes 8 bytes, but 4 follow"},
		{"more-elements", array(dict("<f4", "False", "(1,)"), "abcd1234"), malformed, "abcd", 0, "takes 4 bytes, but 8 follow"},
		{"fortran-order-that-is-1", array(dict("<f4", "1", "(1,)"), "abcd"), malformed, "1, '", 0, `"False" expected`},
		{"native-order", array(dict("=f4", "False", "(1,)"), "abcd"), malformed, "'=f4'", 5, `element type "=f4"`},
		{"no-order", array(dict("|f4", "False", "(1,)"), "abcd"), malformed, "'|f4'", 5, "has no byte order"},
		{"objects", array(dict("|O", "False", "(1,)"), "\x80\x04N."), unsafe, "'|O'", 0, "a pickle, which is code"},
		{"records", array("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}", "abcd"), missing, "[(", 0, "records"},
		{"strings", array(dict("<U1", "False", "(1,)"), "abcd"), missing, "'<U1'", 0, `"<U1" is not supported`},
		{"times", array(dict("<M8[s]", "False", "(1,)"), "abcdefgh"), missing, "'<M8", 0, "is not supported"},
		{"complex", array(dict("<c8", "False", "(1,)"), "abcdefgh"), missing, "'<c8'", 0, "is not supported"},
		{"text-behind", array(dict("<f4", "False", "(1,)")+" or exit()", "abcd"), malformed, "or exit", 0, "text after the dictionary"},
	} {
		t.Run(lie.name, func(t *testing.T) {
			_, _, fault := load([]byte(lie.file), Read)
			if fault == nil {
				t.Fatal("read")
			}
			if at := int64(strings.Index(lie.file, lie.at) + lie.plus); fault.Kind != lie.kind || fault.Offset != at || !strings.Contains(fault.Text, lie.text) {
				t.Errorf("%+v, want %q at %d", *fault, lie.text, at)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	b := []byte(array(dict("<i4", "True", "(3, 2)"), "abcdefghijklmnopqrstuvwx"))
	for i := range b {
		if _, _, fault := load(b[:i], Read); fault == nil {
			t.Errorf("read when cut at byte %d", i)
		}
		for flip := range 8 {
			bad := append([]byte{}, b...)
			bad[i] ^= 1 << flip
			load(bad, Read)
		}
	}
}
