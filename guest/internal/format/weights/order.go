package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// maxMoved bounds a tensor that is put into another order: all of it has to
// stand in the guest's memory, which has 4 GiB at most.
const maxMoved = 1 << 30

// RowMajor is where the elements lie as those of a tensor do: the last dim
// runs fastest and the lowest byte of an element is first. Of elements that lie
// otherwise in the file it writes a blob, which is allowed during load alone.
func (t *Tensor) RowMajor(box abi.Box) (abi.Handle, int64) {
	moved := t.ColumnMajor && len(t.Shape) > 1
	if !moved && !t.BigEndian || t.Size == 0 {
		return t.Blob, t.At
	}
	width := t.Type().DType.Size()
	c := scan.Open(box, t.Blob).All()
	c.Take(uint64(t.At))
	if c = c.Take(uint64(t.Size)); t.Size > maxMoved {
		t.refuse("%d bytes in an order of their own, over the limit of %d", t.Size, maxMoved)
	}
	from := c.Bytes(maxMoved)
	w := NewWriter(box, t.Size, t.fault("%d bytes in another order", t.Size))
	walk := walk{dims: t.Shape, index: make([]int64, len(t.Shape)), width: width, columns: moved}
	for range len(from) / width {
		x := from[walk.at:][:width]
		if t.BigEndian {
			slices.Reverse(x)
		}
		w.Write(x)
		walk.next()
	}
	return w.Close(), 0
}

// Digest is the SHA-256 of the elements of t in the order of a tensor's, or
// nothing where they cannot be put into it.
func (t *Tensor) Digest(box abi.Box) (sum string) {
	scan.Catch(func() {
		h, at := t.Blob, t.At
		if t.DType != 0 {
			h, at = t.RowMajor(box)
		}
		c := scan.Open(box, h).All()
		c.Take(uint64(at))
		data, hash := c.Take(uint64(t.Size)), sha256.New()
		io.Copy(hash, &data)
		sum = hex.EncodeToString(hash.Sum(nil))
	})
	return sum
}

// walk passes over elements in the order of a row-major tensor.
type walk struct {
	dims, index []int64
	width       int
	columns     bool // at counts as the first dim running fastest
	at          int64
}

func (w *walk) next() {
	if !w.columns {
		w.at += int64(w.width)
		return
	}
	stride := int64(w.width)
	for _, d := range w.dims {
		stride *= d
	}
	for i := len(w.dims) - 1; i >= 0; i-- {
		stride /= w.dims[i]
		w.at += stride
		if w.index[i]++; w.index[i] < w.dims[i] {
			return
		}
		w.at -= stride * w.dims[i]
		w.index[i] = 0
	}
}
