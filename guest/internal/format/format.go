// Package format recognises a model by its contents and reads it with the
// front end of its format. Names of files play no part.
package format

import (
	"bytes"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Model is a model that was loaded.
type Model interface {
	// Run serves one request. What ends it is a panic with a fault.
	Run(box abi.Box)
}

// magics are the formats that begin with bytes of their own. ONNX is not among
// them: a protobuf message has no magic, so its reader decides.
var magics = [...]struct {
	offset int
	magic  string
	name   string
}{
	{0, "GGUF", "a GGUF model"},
	{0, "ggml", "a GGML model"},
	{0, "PK\x03\x04", "a zip archive"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{4, "TFL3", "a TensorFlow Lite model"},
	{0, "\x93NUMPY", "a numpy array"},
	{0, "\x80\x02", "a pickle"},
	{0, "\x80\x03", "a pickle"},
	{0, "\x80\x04", "a pickle"},
	{0, "\x80\x05", "a pickle"},
	{0, "\x1f\x8b", "a gzip file"},
	{5, "\x00\x00\x00{\"", "a safetensors file"},
}

// check refuses what is certainly not ONNX, by the name of what it is.
func check(box abi.Box) {
	c := scan.Open(box, 1).All()
	head := c.Peek(16)
	if len(head) == 0 {
		c.Fail("the file is empty")
	}
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.magic)) {
			scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: 0, Text: fmt.Sprintf("%s is not supported", m.name)})
		}
	}
}

// Load reads the model that the host opened and declares its ports.
func Load(box abi.Box) Model {
	check(box)
	return onnx.Load(box)
}

// Inspect reports what is in the file, and what was refused of it.
func Inspect(box abi.Box) {
	check(box)
	onnx.Inspect(box)
}
