package cli

import (
	"maps"
	"strings"
	"testing"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func TestImageSpecs(t *testing.T) {
	ports := []glovebox.Port{{Name: "x"}, {Name: "x:0"}, {Name: "a=b"}}
	small := glovebox.ImageSpec{Width: 8, Height: 4}
	tests := []struct {
		flag string
		name string
		spec glovebox.ImageSpec
		err  string
	}{
		{flag: "size=8x4", spec: small},
		{flag: "x:size=8x4", name: "x", spec: small},
		{flag: "x:0:size=8x4", name: "x:0", spec: small},
		{flag: "a=b:size=8x4", name: "a=b", spec: small},
		{flag: "scale=2,mean=0", spec: glovebox.ImageSpec{Scale: [3]float32{2, 2, 2}}},
		{flag: "nope:size=8x4", err: `"nope" is no input; give NAME:size=WxH… with one of "x" `},
		{flag: "y:0:size=8x4", err: `"y" is no input`},
		{flag: "scale=0", err: "scale: must not be 0"},
		{flag: "scale=1/0/1", err: "scale: must not be 0"},
		{flag: "scale=1e-99", err: "scale: must not be 0"},
		{flag: "mean=NaN", err: "mean: want one number or three"},
		{flag: "scale=1/2", err: "scale: want one number or three"},
		{flag: "scale=x", err: "scale: want one number or three"},
	}
	for _, tt := range tests {
		got, err := imageSpecs([]string{tt.flag}, ports)
		want := map[string]glovebox.ImageSpec{tt.name: tt.spec}
		switch {
		case tt.err != "" && (err == nil || report(new(strings.Builder), err) != exitUsage || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: %v, want %s", tt.flag, err, tt.err)
		case tt.err == "" && (err != nil || !maps.Equal(got, want)):
			t.Errorf("%s: %v, %v", tt.flag, got, err)
		}
	}
}
