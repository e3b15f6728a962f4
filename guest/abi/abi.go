package abi

// Module is the name under which a guest imports every function of the host.
const Module = "glovebox_v1"

// The exports of a guest. Load(task) reads what the host opened and declares
// ports; Run serves one request. Both answer 0, or 1 after an EmitFault. There
// is no allocator: the host never calls a guest that is calling it.
const (
	ExportLoad   = "load"
	ExportRun    = "run"
	ExportMemory = "memory"
)

// Task says what load is for. Blob 1 is the file itself in every task.
type Task uint32

const (
	// TaskModel: blobs 1… are the parts of a model. load declares its ports.
	TaskModel Task = 1
	// TaskInspect: as TaskModel, but load emits a report, also of what it
	// refuses, and run is not called.
	TaskInspect Task = 2
	// TaskDecode: blob 1 is one value (an image, an .npy, a TensorProto) and
	// blob 2, if there, an ImageSpec. load declares output port 0; run gives it.
	TaskDecode Task = 3
	// TaskONNX, TaskSafetensors and TaskNPZ: as TaskModel, but load declares
	// output port 0 alone, uint8 [n], and run gives the model or its weights
	// there as a file of that format. TaskArchitecture: the same of a network as
	// JSON, with holes where a layer was refused.
	TaskONNX         Task = 4
	TaskSafetensors  Task = 5
	TaskNPZ          Task = 6
	TaskArchitecture Task = 7

	// TaskBits are the bits of the task itself. Those above are options.
	TaskBits Task = 0xff
	// OptionKnownClosures lets in closures that are known by their structure.
	OptionKnownClosures Task = 1 << 8
	// OptionDigests asks a report for the SHA-256 of each tensor.
	OptionDigests Task = 1 << 9
)

// Handle names something the host holds for one instance: a small integer,
// never an address, never reused within a load or a run. One space serves
// blobs, tensors and programs; using a handle as another kind is refused.
// Zero is no handle.
type Handle uint32

// Value names a value inside one program, counted from 1. Zero is an absent
// optional input.
type Value uint32

// Errno is the answer of every import. It blames the guest only: when the host
// is at fault, or a limit is reached, the guest is ended and sees nothing.
type Errno uint32

const (
	OK         Errno = 0
	ErrHandle  Errno = 1 // no such handle, or one of another kind
	ErrBounds  Errno = 2 // a range outside a blob, a tensor or guest memory
	ErrRecord  Errno = 3 // a record that does not decode
	ErrCount   Errno = 4 // one of the counts of Max* is used up
	ErrState   Errno = 5 // not at this point: a write after use, an op after seal
	ErrType    Errno = 6 // the types differ from those agreed
	ErrName    Errno = 7 // a name that is empty, too long or taken
	ErrUnknown Errno = 8 // no such op, function or part
	ErrText    Errno = 9 // more text than is accepted

	// Why an operation was refused; nothing was added to the program.
	ErrArity   Errno = 16
	ErrDType   Errno = 17
	ErrRank    Errno = 18
	ErrAttr    Errno = 19
	ErrShape   Errno = 20
	ErrSize    Errno = 21
	ErrValue   Errno = 22 // a value in a tensor: an index out of range
	ErrRefused Errno = 23 // the program as a whole: a symbol, a guard
)

var errnos = [...]string{
	OK: "ok", ErrHandle: "bad handle", ErrBounds: "out of bounds", ErrRecord: "malformed record", ErrCount: "too many",
	ErrState: "not allowed now", ErrType: "types differ", ErrName: "bad name", ErrUnknown: "unknown operation", ErrText: "too much text",
	ErrArity: "wrong number of inputs", ErrDType: "element type not allowed", ErrRank: "rank not allowed",
	ErrAttr: "attribute out of range", ErrShape: "shapes do not fit", ErrSize: "too large", ErrValue: "value out of range",
	ErrRefused: "program refused",
}

func (e Errno) Error() string {
	if int(e) < len(errnos) && errnos[e] != "" {
		return errnos[e]
	}
	return "unknown errno"
}

// The counts a guest lives under. Each bounds what one hostile guest can make
// the host hold or walk through; real models stay far below.
const (
	MaxRecord   = 64 << 10 // bytes of a call record
	MaxWords    = 8000     // attribute words of an op, and so what MaxRecord leaves
	MaxArity    = 4096     // inputs of an op: Concat takes hundreds
	MaxOutputs  = 64       // results of an op
	MaxOps      = 65536    // ops of one program
	MaxPrograms = 64       // programs alive at once
	MaxNested   = 4        // programs that one calls, that call one, …
	MaxTensors  = 65536    // tensors alive at once
	MaxBuilt    = 4 << 20  // ops built within one load or one run
	MaxRead     = 1 << 20  // bytes of one blob_read, blob_write
	MaxReadBack = 4 << 20  // bytes of all tensor_read of one run
	MaxPorts    = 4096     // ports of a model
	MaxName     = 4096     // bytes of a port's name
	MaxMessage  = 4 << 10  // bytes of one log line or fault text
	MaxLog      = 64 << 10 // bytes of log in one load or run
	MaxReport   = 16 << 20 // bytes of report in one load
	MaxGuards   = 4096     // guards of a program
	MaxBlobs    = 1024     // parts of a model and blobs written during load
)

// Box is the contract in Go: what a guest may ask of the host. The host
// implements it; a guest reaches it through the imports of Module, a test of
// the guest without wasm in between. Slices are copied before a method
// returns.
type Box interface {
	// The blobs that the host opened have the handles 1….
	BlobSize(blob Handle) (size int64, e Errno)
	BlobRead(blob Handle, off int64, p []byte) Errno
	// BlobPart finds the part that a model calls name, exactly.
	BlobPart(name string) (Handle, Errno)
	BlobNew(size int64) (Handle, Errno)
	BlobWrite(blob Handle, off int64, p []byte) Errno

	TensorConst(blob Handle, off int64, t Type) (Handle, Errno)
	TensorNew(t Type) (Handle, Errno)
	TensorRead(h Handle, off int64, p []byte) Errno
	TensorWrite(h Handle, off int64, p []byte) Errno
	TensorFree(h Handle) Errno

	ProgramNew() (Handle, Errno)
	ProgramInput(p Handle, t Type) (Value, Errno)
	ProgramConst(p Handle, tensor Handle) (Value, Errno)
	// ProgramOp appends one op. rec is an encoded Call; the results are written
	// to out, whose length is returned.
	ProgramOp(p Handle, rec []byte, out []Result) (n int, e Errno)
	ProgramSeal(p Handle, rec []byte) Errno
	ProgramRun(p Handle, in []Handle, out []Handle) (n int, e Errno)
	ProgramFree(p Handle) Errno
	ProgramPublish() Errno

	PortDeclare(rec []byte) Errno
	RunInput(port uint32) (Input, Errno)
	RunOutput(port uint32, tensor Handle) Errno

	Emit(kind Emit, rec []byte) Errno
	Yield() Errno
}

// Result is a value an op produced and the type that the host worked out.
type Result struct {
	Value Value
	Type  Type
}

// Input is one value of a request. An absent optional input has Tensor 0.
type Input struct {
	Tensor Handle
	Type   Type
}

// Emit is the kind of a record that the guest reports.
type Emit uint32

const (
	EmitLog    Emit = 1 // a line of hostile text
	EmitFault  Emit = 2 // why load or run fails: a Fault
	EmitReport Emit = 3 // one Item of an inspection
)
