//go:build !linux && !darwin

package pages

// Guarded reports whether regions have guards, stay in place and can be made
// read-only.
const Guarded = false

// mapping is a slice that moves when it has to grow.
type mapping struct {
	b    []byte
	size int64
}

func reserve(size int64, _ bool) (*mapping, error) { return &mapping{size: size}, nil }

func (m *mapping) commit(_, to int64) error {
	if to <= int64(len(m.b)) {
		return nil
	}
	grown := make([]byte, min(m.size, max(to, 2*int64(len(m.b)))))
	copy(grown, m.b)
	m.b = grown
	return nil
}

func (m *mapping) bytes(from, to int64) []byte { return m.b[from:to:to] }
func (m *mapping) protect(int64) error         { return nil }
func (m *mapping) release() error              { return nil }
