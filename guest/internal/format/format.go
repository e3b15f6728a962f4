// Package format recognises a model by its contents and reads it with the
// front end of its format. Names of files play no part.
package format

import (
	"bytes"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/npy"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/format/safetensors"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Model is a model that was loaded.
type Model interface {
	// Run serves one request. What ends it is a panic with a fault.
	Run(box abi.Box)
}

// containers are the formats that hold weights and nothing to run.
var containers = [...]struct {
	name string
	fits func(scan.Cursor) bool
	read weights.Reader
}{
	{"a safetensors file", safetensors.Fits, safetensors.Read},
	{"a numpy array", npy.Fits, npy.Read},
	{"a zip archive", npy.FitsArchive, npy.ReadArchive},
}

// magics are the formats that begin with bytes of their own and have no reader.
// ONNX is not among them: a protobuf message has no magic, so its reader
// decides.
var magics = [...]struct {
	offset int
	magic  string
	name   string
}{
	{0, "GGUF", "a GGUF model"},
	{0, "ggml", "a GGML model"},
	{0, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{4, "TFL3", "a TensorFlow Lite model"},
	{0, "\x80\x02", "a pickle"},
	{0, "\x80\x03", "a pickle"},
	{0, "\x80\x04", "a pickle"},
	{0, "\x80\x05", "a pickle"},
	{0, "\x1f\x8b", "a gzip file"},
}

// recognise finds the reader of a file of weights, and what such a file is
// called. There is none for a file that may be ONNX; one that is certainly of
// another format, or of two, is refused.
func recognise(box abi.Box, h abi.Handle) (read weights.Reader, name string) {
	c := scan.Open(box, h).All()
	head := bytes.Clone(c.Peek(16))
	if len(head) == 0 {
		c.Fail("the file is empty")
	}
	for _, f := range containers {
		if !f.fits(c) {
			continue
		}
		if read != nil {
			c.Fail("the file is both %s and %s", name, f.name)
		}
		read, name = f.read, f.name
	}
	for _, m := range magics {
		switch {
		case len(head) < m.offset || !bytes.HasPrefix(head[m.offset:], []byte(m.magic)):
		case read != nil:
			c.Fail("the file is both %s and %s", name, m.name)
		default:
			scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 0, Text: fmt.Sprintf("%s is not supported", m.name)})
		}
	}
	return read, name
}

// Load reads the model that the host opened and declares its ports.
func Load(box abi.Box) Model {
	if _, name := recognise(box, 1); name != "" {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: 1, Offset: 0,
			Text: name + " holds weights alone: give the architecture as JSON, and this file as its weights",
		})
	}
	return onnx.Load(box)
}

// Weights reads blob h as a file of weights.
func Weights(box abi.Box, h abi.Handle) *weights.File {
	read, _ := recognise(box, h)
	if read == nil {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 0, Text: "no format of weights that is known"})
	}
	return weights.Load(box, h, read)
}

// Inspect reports what is in the file, and what was refused of it.
func Inspect(box abi.Box) {
	if read, _ := recognise(box, 1); read != nil {
		weights.Inspect(box, read)
		return
	}
	onnx.Inspect(box)
}
