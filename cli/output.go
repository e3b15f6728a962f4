package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	err := o.err
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &exit{exitOpen, fmt.Sprintf("write standard output: %v", err)}
}
