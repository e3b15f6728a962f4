package host

import (
	"context"
	"crypto/sha256"
	"io"
	"sync"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
)

// Config is what a model is held under.
type Config struct {
	Parts  []Part // the first is the model
	Limits Limits
	Pool   *kernels.Pool
}

// Model is what the host holds of one model: its files, what load made of
// them, its constants and the plans that its runs published. It is safe for
// any number of goroutines once load is frozen.
type Model struct {
	limits Limits
	pool   *kernels.Pool
	ledger ledger
	files  int

	// Set by freeze and read-only after it.
	blobs   []*blob // the parts: handles 1…
	written map[abi.Handle]*blob
	tensors map[abi.Handle]*held
	next    abi.Handle
	ports   []abi.Port
	inputs  []int // ports by their index among the inputs
	outputs []int

	preparing chan struct{} // held while constants are made
	kept      map[key]*memory
	packed    map[key]*memory
	turn      uint64 // of the constant made last
	arenas    arenas
	spare     atomic.Int64 // bytes of what only waits for a run
	deadMu    sync.Mutex
	dead      []*program

	plans    plans
	profile  atomic.Pointer[Profile]
	poisoned atomic.Bool
	closed   sync.Once
}

// NewModel checks the sizes of the parts; nothing is read yet.
func NewModel(c Config) (*Model, error) {
	m := &Model{
		limits: c.Limits, pool: c.Pool, files: len(c.Parts),
		tensors: map[abi.Handle]*held{}, written: map[abi.Handle]*blob{},
		preparing: make(chan struct{}, 1), kept: map[key]*memory{}, packed: map[key]*memory{},
	}
	m.ledger.limit = c.Limits.Memory
	if len(c.Parts) > abi.MaxBlobs {
		return nil, ErrFile
	}
	for _, p := range c.Parts {
		if p.Data == nil || p.Size < 0 {
			return nil, ErrRead
		}
		if p.Size > c.Limits.File {
			return nil, ErrFile
		}
		m.blobs = append(m.blobs, newBlob(p))
	}
	m.next = abi.Handle(len(m.blobs))
	return m, nil
}

// Ports are the declared ports of the inputs and of the outputs, in order.
func (m *Model) Ports() (in, out []abi.Port) {
	for _, i := range m.inputs {
		in = append(in, m.ports[i])
	}
	for _, i := range m.outputs {
		out = append(out, m.ports[i])
	}
	return in, out
}

// PartName is the name of the file behind a blob handle, or "".
func (m *Model) PartName(h abi.Handle) string {
	if h == 0 || int(h) > m.files {
		return ""
	}
	return m.blobs[h-1].part.Name
}

// Digest is the SHA-256 of part i.
func (m *Model) Digest(ctx context.Context, i int) ([sha256.Size]byte, error) {
	if i < 0 || i >= m.files {
		return [sha256.Size]byte{}, ErrRead
	}
	d, err := m.blobs[i].digest(func() error { return stopped(ctx) })
	if err == nil {
		err = m.blobs[i].whole()
	}
	return d, err
}

// Memory is what the model holds in bytes: weights, packed weights, plans.
func (m *Model) Memory() int64 { return m.share() }

// Poisoned reports whether a fault of ours was seen in this model. It must not
// be run again.
func (m *Model) Poisoned() bool { return m.poisoned.Load() }

func (m *Model) poison() { m.poisoned.Store(true) }

// Close frees everything. No box of the model may be open, no Serve running.
func (m *Model) Close() {
	m.closed.Do(func() {
		m.unrestAll()
		m.bury()
		for _, held := range []map[key]*memory{m.kept, m.packed} {
			for _, c := range held {
				c.free()
			}
		}
		for _, b := range m.written {
			b.mem.free()
		}
		for _, b := range m.blobs {
			if c, ok := b.part.Data.(io.Closer); ok {
				_ = c.Close()
			}
		}
	})
}
