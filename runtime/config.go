package runtime

import "log/slog"

// Config says how a Runtime runs. The zero Config is safe and useful.
type Config struct {
	Limits    Limits
	Threads   int // of all kernels together; 0 is GOMAXPROCS
	Isolation Isolation
	Engine    Engine
	Precision Precision
	Seed      uint64       // of what is random in the box
	Digests   bool         // a report has the SHA-256 of each part, however large, and of each tensor
	CacheDir  string       // where compiled code of the box is kept for builds run in the last 30 days; "", or a directory that others can write to, is nowhere
	Logger    *slog.Logger // what the box logs; nil is nowhere

	// KnownClosures lets in anonymous functions of a file whose code is known
	// by its structure: the reshape of x -> reshape(x, :, size(x, 4)) in models
	// of Flux. They are never run; a layer that does the same takes their place.
	KnownClosures bool
}

// Isolation is the wall around the box besides the box itself.
type Isolation uint8

const (
	IsolationNone    Isolation = 0 // WebAssembly and the host's checks
	IsolationProcess Isolation = 1 // and a process of its own without rights
	IsolationStrict  Isolation = 2 // and a refusal where a right cannot be dropped
)

// Engine runs WebAssembly.
type Engine uint8

const (
	EngineCompiler    Engine = 0
	EngineInterpreter Engine = 1 // slower, with no code generated
)

// Precision is how exact kernels are.
type Precision uint8

// PrecisionExact gives the same bits on every processor and with any number of
// threads. There is no other.
const PrecisionExact Precision = 0

// check refuses what c asks for and does not exist here.
func (c *Config) check() error {
	switch {
	case c.Limits.negative() || c.Threads < 0:
		return faultf(StageStart, ErrInput, "a negative limit")
	case c.Isolation != IsolationNone:
		return faultf(StageStart, ErrIsolation, "only Isolation none is there")
	case c.Engine > EngineInterpreter:
		return faultf(StageStart, ErrUnsupported, "no such engine")
	case c.Precision != PrecisionExact:
		return faultf(StageStart, ErrUnsupported, "no such precision")
	}
	return nil
}
