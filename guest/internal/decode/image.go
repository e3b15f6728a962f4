package decode

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/onnx"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// What an image may be, by what its header says before anything is decoded. A
// compressed image of a few kilobytes may claim any size.
const (
	maxSide   = 16384   // of the image and of what it is resized to
	maxPixels = 1 << 25 // 33 million: a frame of 8K video; 128 MiB when decoded
)

// codec reads one image format.
type codec struct {
	name   string
	offset int
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var codecs = [...]codec{
	{"PNG", 0, "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"JPEG", 0, "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"GIF", 0, "GIF87a", gif.DecodeConfig, gif.Decode},
	{"GIF", 0, "GIF89a", gif.DecodeConfig, gif.Decode},
	{"BMP", 0, "BM", bmp.DecodeConfig, bmp.Decode},
	{"WebP", 8, "WEBPVP8", webp.DecodeConfig, webp.Decode},
}

// recognise gives the codec of a file that begins with head, or nil.
func recognise(head []byte) *codec {
	for i := range codecs {
		if c := &codecs[i]; len(head) >= c.offset && bytes.HasPrefix(head[c.offset:], []byte(c.magic)) {
			return c
		}
	}
	return nil
}

// readSpec reads blob 2, or gives the zero spec where there is none.
func readSpec(box abi.Box) abi.ImageSpec {
	size, e := box.BlobSize(specBlob)
	if e != abi.OK {
		return abi.ImageSpec{}
	}
	c := scan.Open(box, specBlob).All()
	spec, e := abi.DecodeImageSpec(c.Bytes(min(size, abi.MaxMessage)))
	if e != abi.OK {
		refuse(abi.FaultInput, "image specification: %v", e)
	}
	checkSpec(&spec)
	return spec
}

// checkSpec refuses what no image can be made into, and fills in what is left
// out.
func checkSpec(s *abi.ImageSpec) {
	if s.Width < 0 || s.Width > maxSide || s.Height < 0 || s.Height > maxSide || s.Width*s.Height > maxPixels {
		refuse(abi.FaultInput, "an image of %d × %d", s.Width, s.Height)
	}
	if s.Channels != 0 && s.Channels != 1 && s.Channels != 3 {
		refuse(abi.FaultInput, "an image of %d channels", s.Channels)
	}
	d := tensor.DType(s.DType)
	if d != 0 && d != tensor.Float32 && d != tensor.Uint8 {
		refuse(abi.FaultUnsupported, "an image of %v is not supported", d)
	}
	for i := range 3 {
		for _, f := range [...]float32{s.Mean[i], s.Scale[i]} {
			if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
				refuse(abi.FaultInput, "an image with mean %v and scale %v", s.Mean, s.Scale)
			}
			if d == tensor.Uint8 && f != 0 {
				refuse(abi.FaultInput, "an image of uint8 keeps its values: it has neither mean nor scale")
			}
		}
	}
}

// readImage decodes an image and makes a tensor of it.
func readImage(box abi.Box, c scan.Cursor, codec *codec, s abi.ImageSpec) onnx.Tensor {
	header := c
	config, err := codec.config(&header)
	if err != nil {
		header.Fail("%s: %v", codec.name, err)
	}
	checkSize(&c, config.Width, config.Height)
	m, err := codec.decode(&c)
	if err != nil {
		c.Fail("%s: %v", codec.name, err)
	}
	checkSize(&c, m.Bounds().Dx(), m.Bounds().Dy())
	pixels := straight(m)
	if s.Width == 0 {
		s.Width = int64(pixels.Rect.Dx())
	}
	if s.Height == 0 {
		s.Height = int64(pixels.Rect.Dy())
	}
	if s.Width*s.Height > maxPixels {
		refuse(abi.FaultInput, "an image of %d × %d", s.Width, s.Height)
	}
	if to := image.Rect(0, 0, int(s.Width), int(s.Height)); to != pixels.Rect {
		resized := image.NewRGBA(to)
		draw.BiLinear.Scale(resized, to, pixels, pixels.Rect, draw.Src, nil)
		pixels = resized
	}
	typ, data := layOut(pixels, &s)
	return onnx.Tensor{Type: typ, Blob: write(box, data)}
}

func checkSize(c *scan.Cursor, w, h int) {
	if w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxPixels {
		c.FailAt(0, "an image of %d × %d: at most %d on a side and %d pixels are read", w, h, maxSide, maxPixels)
	}
}

// straight gives the colours of m without regard to how opaque they are.
func straight(m image.Image) *image.RGBA {
	b := m.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	if n, ok := m.(*image.NRGBA); ok {
		for y := range b.Dy() {
			copy(to.Pix[y*to.Stride:][:4*b.Dx()], n.Pix[n.PixOffset(b.Min.X, b.Min.Y+y):])
		}
	} else if opaque, ok := m.(interface{ Opaque() bool }); ok && opaque.Opaque() {
		draw.Draw(to, to.Rect, m, b.Min, draw.Src)
		return to
	} else {
		for y := range b.Dy() {
			for x := range b.Dx() {
				p := color.NRGBAModel.Convert(m.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
				to.SetRGBA(x, y, color.RGBA(p))
			}
		}
	}
	for i := 3; i < len(to.Pix); i += 4 {
		to.Pix[i] = 0xff
	}
	return to
}

// layOut makes the tensor: [1, channels, h, w], [1, h, w, channels], or
// [w, h, channels, 1].
func layOut(m *image.RGBA, s *abi.ImageSpec) (tensor.Type, []byte) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	channels := int(s.Channels)
	if channels == 0 {
		channels = 3
	}
	typ := tensor.Of(tensor.Float32, 1, int64(channels), int64(h), int64(w))
	perPixel, perChannel := 1, w*h
	if s.ChannelsLast {
		typ = tensor.Of(tensor.Float32, 1, int64(h), int64(w), int64(channels))
		perPixel, perChannel = channels, 1
	}
	if s.Reversed {
		typ = tensor.Of(tensor.Float32, int64(w), int64(h), int64(channels), 1)
		perPixel, perChannel = channels, 1
	}
	if tensor.DType(s.DType) == tensor.Uint8 {
		typ.DType = tensor.Uint8
	}
	size := typ.DType.Size()
	data := make([]byte, typ.Bytes())
	for i := range w * h {
		p := m.Pix[4*i:][:3]
		if channels == 1 {
			p = []byte{color.GrayModel.Convert(color.RGBA{p[0], p[1], p[2], 0xff}).(color.Gray).Y}
		}
		if s.Reversed {
			i = i%w*h + i/w
		}
		for k := range channels {
			v := p[k]
			if s.BGR {
				v = p[channels-1-k]
			}
			at := data[size*(i*perPixel+k*perChannel):]
			if size == 1 {
				at[0] = v
				continue
			}
			scale := s.Scale[k]
			if scale == 0 {
				scale = 1.0 / 255
			}
			f := (float32(v) - s.Mean[k]) * scale
			binary.LittleEndian.PutUint32(at, math.Float32bits(f))
		}
	}
	return typ, data
}
