package cli

import (
	stdbytes "bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// JSON is read outside the box, so what it may take of the process is small:
// text is a poor way to carry more. It is never held as a whole.
const (
	maxJSON     = 64 << 20 // bytes of a file
	maxElements = 4 << 20
	maxNesting  = 8
)

// writeJSON prints one value as one line of ASCII: names of a file may hold what
// a terminal obeys, and JSON itself escapes only some of it.
func writeJSON(w io.Writer, v any) error {
	var b stdbytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	out := make([]byte, 0, b.Len())
	for _, r := range b.String() {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	_, err := w.Write(out)
	return err
}

// jsonStart reports whether a file is JSON by its first bytes, and whether it
// may be: a number alone starts like some TensorProtos.
func jsonStart(head []byte) (is, maybe bool) {
	if len(head) == 0 {
		return false, false
	}
	is = head[0] == '[' || head[0] == '{'
	return is, is || stdbytes.IndexByte([]byte(" \r\n\t-0123456789"), head[0]) >= 0
}

// jsonTensor reads nested arrays of numbers or booleans as the type d.
func jsonTensor(d glovebox.DType, r io.Reader) (glovebox.Tensor, error) {
	l := &leaves{d: json.NewDecoder(r)}
	l.d.UseNumber()
	t, err := l.tensor(d)
	if err != nil {
		return t, fmt.Errorf("byte %d: %w", l.d.InputOffset(), err)
	}
	return t, nil
}

// leaves walks nested arrays. The way down to the first element says how many
// dims there are, the first array of each depth how long those of it are.
type leaves struct {
	d     *json.Decoder
	shape []int // -1 until an array of that depth was closed
	count []int // elements so far of the arrays that are open
	deep  bool  // the depth is known
	done  bool
}

var (
	errRagged = errors.New("the nested arrays are not all of one shape")
	errValue  = errors.New("want numbers or booleans")
)

// next is the text of the next element, or io.EOF.
func (l *leaves) next() (string, error) {
	for !l.done {
		token, err := l.d.Token()
		if err == io.EOF {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", errors.New("not JSON")
		}
		var text string
		switch v := token.(type) {
		case json.Delim:
			if err := l.bracket(v); err != nil {
				return "", err
			}
			l.done = len(l.count) == 0
			continue
		case json.Number:
			text = v.String()
		case bool:
			text = strconv.FormatBool(v)
		default:
			return "", errValue
		}
		if l.deep && len(l.count) != len(l.shape) {
			return "", errRagged
		}
		l.deep, l.done = true, len(l.count) == 0
		l.add()
		return text, nil
	}
	if _, err := l.d.Token(); err != io.EOF {
		return "", errors.New("something follows the value")
	}
	return "", io.EOF
}

func (l *leaves) add() {
	if n := len(l.count); n > 0 {
		l.count[n-1]++
	}
}

func (l *leaves) bracket(b json.Delim) error {
	depth := len(l.count)
	switch {
	case b == '[' && depth == maxNesting:
		return fmt.Errorf("arrays are nested over %d deep", maxNesting)
	case b == '[' && depth == len(l.shape):
		if l.deep {
			return errRagged
		}
		l.shape = append(l.shape, -1)
		fallthrough
	case b == '[':
		l.add()
		l.count = append(l.count, 0)
	case b == ']':
		l.deep = true
		n := l.count[depth-1]
		if have := l.shape[depth-1]; have >= 0 && have != n {
			return errRagged
		}
		l.shape[depth-1] = n
		l.count = l.count[:depth-1]
	default:
		return errValue
	}
	return nil
}

func (l *leaves) tensor(d glovebox.DType) (glovebox.Tensor, error) {
	switch d {
	case glovebox.Float32:
		return gather(l, func(s string) (float32, error) { f, err := strconv.ParseFloat(s, 32); return float32(f), err })
	case glovebox.Float64:
		return gather(l, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case glovebox.Int8:
		return gather(l, func(s string) (int8, error) { n, err := strconv.ParseInt(s, 10, 8); return int8(n), err })
	case glovebox.Int16:
		return gather(l, func(s string) (int16, error) { n, err := strconv.ParseInt(s, 10, 16); return int16(n), err })
	case glovebox.Int32:
		return gather(l, func(s string) (int32, error) { n, err := strconv.ParseInt(s, 10, 32); return int32(n), err })
	case glovebox.Int64:
		return gather(l, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case glovebox.Uint8:
		return gather(l, func(s string) (uint8, error) { n, err := strconv.ParseUint(s, 10, 8); return uint8(n), err })
	case glovebox.Uint16:
		return gather(l, func(s string) (uint16, error) { n, err := strconv.ParseUint(s, 10, 16); return uint16(n), err })
	case glovebox.Uint32:
		return gather(l, func(s string) (uint32, error) { n, err := strconv.ParseUint(s, 10, 32); return uint32(n), err })
	case glovebox.Uint64:
		return gather(l, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case glovebox.Bool:
		return gather(l, strconv.ParseBool)
	}
	return glovebox.Tensor{}, fmt.Errorf("%v cannot be given as JSON; use an .npy file", d)
}

func gather[T glovebox.Element](l *leaves, one func(string) (T, error)) (glovebox.Tensor, error) {
	var data []T
	for {
		s, err := l.next()
		if err == io.EOF {
			return glovebox.Of(data, l.shape...)
		}
		if err != nil {
			return glovebox.Tensor{}, err
		}
		v, err := one(s)
		if err != nil {
			return glovebox.Tensor{}, fmt.Errorf("%s is no %T", quoted(s[:min(len(s), 40)]), v)
		}
		if len(data) == maxElements {
			return glovebox.Tensor{}, fmt.Errorf("over %d elements; use an .npy file", maxElements)
		}
		data = append(data, v)
	}
}
