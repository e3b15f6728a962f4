package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// imageSpecs reads --image NAME:key=value,… flags. Without a NAME, which is that
// of a port, the spec is for every image.
func imageSpecs(flags []string, ports []glovebox.Port) (map[string]glovebox.ImageSpec, error) {
	specs := map[string]glovebox.ImageSpec{}
	for _, f := range flags {
		p, rest, ok := portOf(ports, f, ":")
		if !ok {
			name, _, named := strings.Cut(f, ":")
			if named {
				return nil, usagef("--image %q: %q is no input; give NAME:size=WxH… with one of %s", f, name, names(ports))
			}
			rest = f
		}
		spec := specs[p.Name]
		for _, kv := range strings.Split(rest, ",") {
			key, value, _ := strings.Cut(kv, "=")
			if err := setSpec(&spec, key, value); err != nil {
				return nil, usagef("--image %q: %v", f, err)
			}
		}
		specs[p.Name] = spec
	}
	return specs, nil
}

func setSpec(s *glovebox.ImageSpec, key, value string) error {
	switch key {
	case "size":
		w, h, ok := strings.Cut(value, "x")
		if !ok {
			h = w
		}
		var err1, err2 error
		s.Width, err1 = strconv.Atoi(w)
		s.Height, err2 = strconv.Atoi(h)
		if err1 != nil || err2 != nil || s.Width <= 0 || s.Height <= 0 {
			return fmt.Errorf("size: want WxH")
		}
	case "mean":
		v, err := triple(value)
		if err != nil {
			return fmt.Errorf("mean: %w", err)
		}
		s.Mean = v
	case "scale":
		v, err := triple(value)
		if err == nil && slices.Contains(v[:], 0) {
			err = errors.New("must not be 0; 1 leaves values as they are")
		}
		if err != nil {
			return fmt.Errorf("scale: %w", err)
		}
		s.Scale = v
	case "layout":
		switch value {
		case "nchw", "nhwc", "whcn":
			s.ChannelsLast, s.Reversed = value == "nhwc", value == "whcn"
		default:
			return fmt.Errorf("layout: want nchw, nhwc or whcn")
		}
	case "color":
		switch value {
		case "rgb":
			s.Channels, s.BGR = 3, false
		case "bgr":
			s.Channels, s.BGR = 3, true
		case "grey":
			s.Channels = 1
		default:
			return fmt.Errorf("color: want rgb, bgr or grey")
		}
	default:
		return fmt.Errorf("no such setting %q", key)
	}
	return nil
}

// triple reads one number, or three with slashes between: 0.5 or 123.7/116.3/103.5.
func triple(s string) (v [3]float32, err error) {
	want := errors.New("want one number or three, as in 123.7/116.3/103.5")
	parts := strings.Split(s, "/")
	if len(parts) != 1 && len(parts) != 3 {
		return v, want
	}
	for i := range v {
		f, err := strconv.ParseFloat(parts[min(i, len(parts)-1)], 32)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return v, want
		}
		v[i] = float32(f)
	}
	return v, nil
}

// spec is how an image becomes the input of a port: as the flag says, and what
// it leaves open as the port has it. A name that cannot be typed is left out of
// what is advised: then the flag is for every image.
func (v *values) spec(p glovebox.Port, path string) (glovebox.ImageSpec, error) {
	s, given := v.specs[p.Name]
	if !given {
		s, given = v.specs[""]
	}
	if !given {
		s, err := p.Image()
		if err != nil {
			name := ""
			if legible(p.Name) && !strings.Contains(p.Name, "'") {
				name = p.Name + ":"
			}
			msg := fmt.Sprintf("%s: how it becomes the input %s is not clear; give --image '%ssize=224x224,layout=nchw,color=rgb'", quoted(path), p, name)
			return s, &exit{exitRefused, msg}
		}
		return s, nil
	}
	if len(p.Dims) == 4 {
		h, w, c := p.Dims[2], p.Dims[3], p.Dims[1]
		if s.ChannelsLast {
			h, w, c = p.Dims[1], p.Dims[2], p.Dims[3]
		} else if s.Reversed {
			h, w, c = p.Dims[1], p.Dims[0], p.Dims[2]
		}
		if s.Channels == 0 {
			s.Channels = max(c.Size, 0)
		}
		if s.Width == 0 && h.Size > 0 && w.Size > 0 {
			s.Width, s.Height = w.Size, h.Size
		}
	}
	if p.DType == glovebox.Uint8 {
		s.DType = glovebox.Uint8
	}
	return s, nil
}
