package runtime

import (
	"context"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Format is a format that Convert writes.
type Format uint8

const (
	ONNX         Format = 1 // a network whose layers are known
	Safetensors  Format = 2 // the tensors of any file that can be read
	NPZ          Format = 3 // likewise
	Architecture Format = 4 // a network as JSON, with a hole where a layer was refused; docs/ARCHITECTURE.md
)

var formats = [...]struct {
	name string
	task abi.Task
}{
	ONNX: {"onnx", abi.TaskONNX}, Safetensors: {"safetensors", abi.TaskSafetensors}, NPZ: {"npz", abi.TaskNPZ},
	Architecture: {"architecture", abi.TaskArchitecture},
}

func (f Format) String() string {
	if f >= ONNX && int(f) < len(formats) {
		return formats[f].name
	}
	return "unknown format"
}

// FormatOf is the Format with a name, which is also how its files end: onnx,
// safetensors, npz or architecture.
func FormatOf(name string) (Format, error) {
	for f := ONNX; int(f) < len(formats); f++ {
		if formats[f].name == strings.ToLower(name) {
			return f, nil
		}
	}
	return 0, faultf(StageConvert, ErrInput, "no format is called %s", quote(name))
}

// Convert reads a model as Load does and gives it as a file of another format,
// the same bytes for the same model. The file is made in the box, and is as
// hostile as the model is; its size is under Limits.Output.
func (r *Runtime) Convert(ctx context.Context, to Format, parts ...Part) (file []byte, err error) {
	err = r.within(ctx, StageConvert, func(c *call) error {
		if to < ONNX || int(to) >= len(formats) {
			return faultf(c.stage, ErrInput, "%v", to)
		}
		v, err := r.visit(c, formats[to].task, parts)
		if err != nil {
			return err
		}
		defer v.close()
		if v.end != nil {
			return v.end
		}
		t, err := r.decoded(c, v)
		if err != nil {
			return err
		}
		if t.DType() != Uint8 || len(t.Shape()) != 1 {
			return faultf(c.stage, ErrGuest, "it gave no file")
		}
		file = t.Bytes()
		return nil
	})
	return file, err
}
