// Package format recognises a model by its contents and reads it with the
// front end of its format. Names of files play no part.
package format

import (
	"bytes"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/arch"
	"github.com/glovebox-ml/glovebox/guest/internal/format/flux"
	"github.com/glovebox-ml/glovebox/guest/internal/format/jld2"
	"github.com/glovebox-ml/glovebox/guest/internal/format/npy"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/format/safetensors"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Model is a model that was loaded.
type Model interface {
	// Run serves one request. What ends it is a panic with a fault.
	Run(box abi.Box)
}

// front is the front end of a format. read is nil where a file holds no
// weights; load, inspect and network are nil where it holds nothing to run.
type front struct {
	name    string
	fits    func(scan.Cursor) bool
	read    weights.Reader
	load    func(box abi.Box, task abi.Task, open weights.Opener) Model
	inspect func(box abi.Box, task abi.Task, open weights.Opener)
	network func(box abi.Box, task abi.Task, open weights.Opener) layer.Network
}

var fronts = [...]front{
	{"a safetensors file", safetensors.Fits, safetensors.Read, nil, nil, nil},
	{"a numpy array", npy.Fits, npy.Read, nil, nil, nil},
	{"a zip archive", npy.FitsArchive, npy.ReadArchive, nil, nil, nil},
	{"an HDF5 file", jld2.Fits, jld2.Read, nil, inspectJLD2, nil},
	{"a BSON file", fitsBSON, flux.Read, loadFlux, inspectFlux, networkFlux},
	{"an architecture", arch.Fits, nil, loadArch, inspectArch, buildArch},
}

// fitsBSON is also true of a damaged file that is certainly no ONNX model, so
// that the reader can say where the damage is.
func fitsBSON(c scan.Cursor) bool { return flux.Fits(c) || flux.Looks(c) && !onnx.Fits(c) }

func loadFlux(box abi.Box, task abi.Task, _ weights.Opener) Model { return flux.Load(box, task) }

func inspectFlux(box abi.Box, task abi.Task, _ weights.Opener) { flux.Inspect(box, task) }

func networkFlux(box abi.Box, task abi.Task, _ weights.Opener) layer.Network {
	return flux.Build(box, task)
}

func inspectJLD2(box abi.Box, task abi.Task, _ weights.Opener) { jld2.Inspect(box, task) }

func loadArch(box abi.Box, _ abi.Task, open weights.Opener) Model { return arch.Load(box, open) }

func inspectArch(box abi.Box, task abi.Task, open weights.Opener) { arch.Inspect(box, task, open) }

func buildArch(box abi.Box, _ abi.Task, open weights.Opener) layer.Network {
	return arch.Build(box, open)
}

// foreign is a format that begins with bytes of its own and has no reader.
type foreign struct {
	offset             int
	magic              string
	format, name, more string
	rule               string // by which it is unsafe, if it is
}

// ONNX is not among them: a protobuf message has no magic, so its reader
// decides.
var foreigns = [...]foreign{
	{magic: "GGUF", format: "gguf", name: "a GGUF model"},
	{magic: "ggml", format: "ggml", name: "a GGML model"},
	{offset: 4, magic: "TFL3", format: "tflite", name: "a TensorFlow Lite model"},
	pickle("\x80\x02"), pickle("\x80\x03"), pickle("\x80\x04"), pickle("\x80\x05"),
	{magic: "\x1f\x8b", format: "gzip", name: "a gzip file", more: ": give what is packed in it"},
}

// pickle is one that begins with its protocol.
func pickle(magic string) foreign {
	return foreign{
		magic: magic, format: "pickle", name: "a pickle", rule: "pickle",
		more: ": it is code, which is not run; save the weights as safetensors",
	}
}

// foreignOf is the foreign format of a file, or nil.
func foreignOf(c scan.Cursor) *foreign {
	head := c.Peek(16)
	for i := range foreigns {
		if f := &foreigns[i]; len(head) >= f.offset && bytes.HasPrefix(head[f.offset:], []byte(f.magic)) {
			return f
		}
	}
	return nil
}

// known are the formats that have a reader.
const known = "ONNX, safetensors, npy, npz, BSON of Flux, JLD2, or an architecture, JSON that begins with the key \"glovebox\""

// recognise finds the front end of a file. There is none for a file that may
// be ONNX; one that is certainly of another format, of two, or of none is
// refused.
func recognise(box abi.Box, h abi.Handle) *front {
	c := scan.Open(box, h).All()
	if c.Left() == 0 {
		c.Fail("the file is empty")
	}
	var found *front
	for i := range fronts {
		f := &fronts[i]
		if !f.fits(c) {
			continue
		}
		if found != nil {
			c.Fail("the file is both %s and %s", found.name, f.name)
		}
		found = f
	}
	if f := foreignOf(c); f != nil {
		if found != nil {
			c.Fail("the file is both %s and %s", found.name, f.name)
		}
		fault := abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 0, Text: f.name + " is not supported" + f.more, Rule: f.rule}
		if f.rule != "" {
			fault.Kind = abi.FaultUnsafe
		}
		scan.Refuse(fault)
	}
	switch {
	case found != nil && onnx.Fits(c):
		c.Fail("the file is both %s and an ONNX model", found.name)
	case found == nil && !onnx.Looks(c):
		c.Fail("the file is of no format that is read: %s", known)
	}
	return found
}

// Load reads the model that the host opened and declares its ports. task has
// the options of the load.
func Load(box abi.Box, task abi.Task) Model {
	f := recognise(box, 1)
	switch {
	case f == nil:
		return onnx.Load(box)
	case f.load == nil:
		npy.RefusePickle(box, 1)
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: 1, Offset: 0,
			Text: f.name + " holds weights alone: give the architecture as JSON, and this file as its weights",
		})
	}
	return f.load(box, task, Weights)
}

// Weights reads blob h as a file of weights.
func Weights(box abi.Box, h abi.Handle) *weights.File {
	f := recognise(box, h)
	switch {
	case f == nil:
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 0, Text: "an ONNX model is no file of weights: convert it to safetensors"})
	case f.read == nil:
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 0, Text: f.name + " holds no weights"})
	}
	return weights.Load(box, h, f.read)
}

// Inspect reports what is in the file, and what was refused of it. task has
// the options of the load.
func Inspect(box abi.Box, task abi.Task) {
	if f := foreignOf(scan.Open(box, 1).All()); f != nil {
		weights.Inspect(box, task, func(box abi.Box, h abi.Handle, file *weights.File) {
			file.Format = f.format
			recognise(box, h)
		})
		return
	}
	switch f := recognise(box, 1); {
	case f == nil:
		onnx.Inspect(box, task)
	case f.inspect == nil:
		weights.Inspect(box, task, f.read)
	default:
		f.inspect(box, task, Weights)
	}
}
