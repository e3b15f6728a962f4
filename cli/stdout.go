package cli

import (
	"fmt"
	"io"
)

// output is standard output. It remembers the first error, so that what prints
// need not: results that were lost are no success.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	o.err = err
	return n, err
}

// lost is the error of a command whose results did not all arrive, or nil.
func (o *output) lost() error {
	if o.err == nil {
		return nil
	}
	return &exit{exitOpen, fmt.Sprintf("write standard output: %v", reason(o.err))}
}
