package runtime

import (
	"context"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// ImageSpec is how an image becomes a tensor. The zero spec keeps the image's
// size and gives float32 [1, 3, height, width], red first, each value divided
// by 255.
type ImageSpec struct {
	Width, Height int // 0: as the image; else it is resized, bilinear
	Channels      int // 1 grey, 3 colour; 0: 3
	BGR           bool
	ChannelsLast  bool
	DType         DType      // 0: Float32; Uint8 keeps 0…255
	Mean, Scale   [3]float32 // (v - Mean)·Scale; Scale 0 is 1/255
	Reversed      bool       // [width, height, channels, 1], as Julia has it
}

func (s ImageSpec) record() []byte {
	return abi.AppendImageSpec(nil, abi.ImageSpec{
		Width: int64(s.Width), Height: int64(s.Height), Channels: int64(s.Channels),
		BGR: s.BGR, ChannelsLast: s.ChannelsLast, Reversed: s.Reversed, DType: uint8(s.DType), Mean: s.Mean, Scale: s.Scale,
	})
}

// Image is the spec of an image for p where the port leaves no doubt: four dims,
// as an image has once it is decoded, the first for a batch and one of the
// others 1 or 3 and so the channels. A port that calls its first dims width and
// height takes images with all dims in the opposite order.
func (p Port) Image() (ImageSpec, error) {
	dims := p.Dims
	reversed := len(dims) == 4 && dims[0].Name == "width" && dims[1].Name == "height"
	if reversed {
		dims = []Dim{dims[3], dims[2], dims[1], dims[0]}
	}
	batch := len(dims) == 4 && (dims[0].Size < 0 || dims[0].Size == 1)
	if batch {
		dims = dims[1:]
	}
	channels := func(d Dim) bool { return d.Size == 1 || d.Size == 3 }
	if !batch || channels(dims[0]) == channels(dims[2]) || p.DType != Float32 && p.DType != Uint8 {
		return ImageSpec{}, faultf(StageDecode, ErrInput,
			"%s does not say how it takes an image; give an ImageSpec with width, height, channels and layout", p)
	}
	s := ImageSpec{Channels: dims[0].Size, Height: max(dims[1].Size, 0), Width: max(dims[2].Size, 0), DType: p.DType}
	if channels(dims[2]) {
		s = ImageSpec{Height: max(dims[0].Size, 0), Width: max(dims[1].Size, 0), Channels: dims[2].Size, DType: p.DType, ChannelsLast: true}
	}
	s.Reversed = reversed
	return s, nil
}

// Decode reads one value: an image (PNG, JPEG), an .npy file or an ONNX
// TensorProto, told apart by their first bytes. It is read in a box of its own
// that has never seen a model. spec is of images; other values take the zero
// spec.
func (r *Runtime) Decode(ctx context.Context, p Part, spec ImageSpec) (value Tensor, err error) {
	err = r.within(ctx, StageDecode, func(c *call) error {
		parts := []Part{p}
		if spec != (ImageSpec{}) {
			parts = append(parts, Bytes(p.Name+" spec", spec.record()))
		}
		v, err := r.visit(c, abi.TaskDecode, parts)
		if err != nil {
			return err
		}
		defer v.close()
		if v.end != nil {
			return v.end
		}
		value, err = r.decoded(c, v)
		return err
	})
	if f, ok := err.(*Fault); ok && f.Part == "" {
		f.Part = p.Name
	}
	return value, err
}

// decoded runs the guest of a visit that loaded what gives one value and takes
// none.
func (r *Runtime) decoded(c *call, v *visit) (Tensor, error) {
	v.model.Freeze(v.box)
	box := v.model.RunBox(c, nil, c.limits.host(), false)
	defer box.Close()
	ret, err := v.guest.call(c, box, r.config.Logger, abi.ExportRun)
	if err := c.ended(v.model, box, ret, err); err != nil {
		return Tensor{}, err
	}
	out := box.Outputs()
	if len(out) != 1 || !out[0].DType.Valid() {
		return Tensor{}, faultf(c.stage, ErrGuest, "it gave no value")
	}
	return Tensor{out[0].Type, out[0].Data}, nil
}
