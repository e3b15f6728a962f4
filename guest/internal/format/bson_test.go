package format

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// twoFormats is a BSON document that is at once the fields of an ONNX model:
// the length of the one is the tag and the version of the other, and the value
// of its first key begins the graph.
func twoFormats() []byte {
	const size = 0x01808008 // field 1, and a varint of three bytes
	file := binary.LittleEndian.AppendUint32(nil, size)
	file = append(file, 0x12) // an int64, or field 2 with a text as long as the key says
	file = append(file, ' ')
	file = append(file, strings.Repeat("k", ' '-1)+"\x00"...)
	graph := len(file) + 8
	file = append(file, 0x3a) // field 7, whose length takes the other bytes of the int64
	n := size - graph
	for range 6 {
		file = append(file, byte(n)|0x80)
		n >>= 7
	}
	file = append(file, byte(n))
	file = append(file, "\x05rest\x00"...)
	file = binary.LittleEndian.AppendUint32(file, uint32(size-len(file)-6))
	return append(file, make([]byte, size-len(file))...)
}

// TestBSONAndONNX: a file that is both is refused, whatever it is read for.
func TestBSONAndONNX(t *testing.T) {
	file := twoFormats()
	for name, visit := range map[string]func(box abi.Box){
		"load":    func(box abi.Box) { Load(box, abi.TaskModel) },
		"inspect": func(box abi.Box) { Inspect(box, abi.TaskInspect) },
		"weights": func(box abi.Box) { Weights(box, 1) },
	} {
		fault := scan.Catch(func() { visit(boxtest.New(file)) })
		if fault == nil || !strings.Contains(fault.Text, "both a BSON file and an ONNX model") {
			t.Errorf("%s: %+v", name, fault)
		}
	}
}

// TestDamagedBSON: a damaged BSON file is read as BSON, whose reader says where the
// damage is.
func TestDamagedBSON(t *testing.T) {
	good := []byte("\x0e\x00\x00\x00\x02ab\x00\x01\x00\x00\x00\x00\x00")
	binary.LittleEndian.PutUint32(good, uint32(len(good)))
	for _, file := range [][]byte{good[:len(good)-1], append(bytes.Clone(good), 0), append([]byte("\xff\xff\xff\x7f"), good[4:]...)} {
		if fault := scan.Catch(func() { Load(boxtest.New(file), abi.TaskModel) }); fault == nil || strings.Contains(fault.Text, "Proto") {
			t.Errorf("%+v", fault)
		}
	}
}
