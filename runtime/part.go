package runtime

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/host"
)

// Part is one file of a model. Data must stay open and unchanged until the
// Model is closed. Its calls fail with ErrChanged where bytes that are read again
// are not as they were; what is read first, of weights in a first run, is taken as
// it is then.
type Part struct {
	Name string // what other parts call it
	Data io.ReaderAt
	Size int64
}

// Bytes is a part held in memory. It borrows b.
func Bytes(name string, b []byte) Part {
	return Part{Name: name, Data: bytes.NewReader(b), Size: int64(len(b))}
}

// reading counts what is read of the parts of a model.
type reading struct {
	done  atomic.Int64
	total int64
}

// counter is a part whose reads are counted. It hides a Close that the data
// may have: what the caller opened the caller closes.
type counter struct {
	data io.ReaderAt
	of   *reading
}

func (c counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.data.ReadAt(p, off)
	c.of.done.Add(int64(n))
	return n, err
}

// checkParts makes parts ready for the host.
func checkParts(stage Stage, parts []Part, limits Limits) (hosted []host.Part, read *reading, err error) {
	if len(parts) == 0 || len(parts) > abi.MaxBlobs {
		return nil, nil, faultf(stage, ErrInput, "%d parts: a model has 1 to %d", len(parts), abi.MaxBlobs)
	}
	read = &reading{}
	seen := make(map[string]bool, len(parts))
	for _, p := range parts {
		f := &Fault{Kind: ErrInput, Stage: stage, Part: p.Name, Offset: -1}
		switch {
		case p.Data == nil || p.Size < 0:
			f.Err = errors.New("a part without data")
		case seen[p.Name]:
			f.Err = errors.New("two parts of this name")
		case p.Size > limits.File:
			f.Kind, f.Err = ErrFile, overFile(p.Size, limits)
		default:
			seen[p.Name] = true
			read.total += min(p.Size, 1<<62-read.total)
			hosted = append(hosted, host.Part{Name: p.Name, Data: counter{p.Data, read}, Size: p.Size})
			continue
		}
		return nil, nil, f
	}
	return hosted, read, nil
}
