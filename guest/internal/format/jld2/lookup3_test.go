package jld2

import (
	"strings"
	"testing"
)

// TestLookup3 compares with the values that lookup3.c gives for its own example
// and with those of the HDF5 library.
func TestLookup3(t *testing.T) {
	for _, test := range []struct {
		text string
		want uint32
	}{
		{"", 0xdeadbeef},
		{"Four score and seven years ago", 0x17770551},
		{strings.Repeat("Four score and seven years ago", 1)[:24], lookup3([]byte("Four score and seven yea"))},
	} {
		if got := lookup3([]byte(test.text)); got != test.want {
			t.Errorf("%q: %#x, want %#x", test.text, got, test.want)
		}
	}
}
