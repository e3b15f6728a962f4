// Package abi is the contract between a guest and the host: op numbers, record
// layouts, errnos and counts. It builds on both sides and is the specification
// that a guest in another language is written from.
//
// # The module
//
// A guest is a wasm module of the core specification, without references,
// vectors, threads, exceptions and tail calls. It imports functions from
// glovebox_v1 alone, among them yield even if it never calls it, since the host
// stops a guest there. It has one memory of its own, exports it as memory, and
// exports
//
//	load(task i32) i32    reads what the host opened and declares ports
//	run() i32             serves one request
//
// which return 0, or 1 after an EmitFault. A function _initialize() is called
// once before them, if it is exported. There is no start section, and no name
// of an export starts with glovebox_. The host adds a counter of instructions
// and one of nested calls (at most 1000) to every guest.
//
// The guest calls and the host answers; the host never calls a guest that is
// waiting for an answer, and there is no allocator. After load the state of the
// guest (memory and globals) is frozen, and each run starts from it: nothing of
// one run is seen by the next. Handles and programs made in a load live as long
// as the model; those made in a run end with it.
//
// # Calls
//
// Numbers are little-endian. A parameter is an i32 or, where it is an offset or
// a size in a blob or a tensor, an i64. Of an i32 that is a handle, a pointer or
// a length the bits are read as unsigned. Every function returns an [Errno] as
// i32; where it is not 0, nothing was done and nothing was written. A pointer
// and a length that leave the memory give [ErrBounds], a length above the count
// that is written beside it [ErrCount], bytes that do not decode [ErrRecord].
// The host copies what it reads before it looks at it. A fault of the host, a
// limit or a deadline ends the guest: the call does not return.
//
// Below, p→ is a pointer into guest memory, and the picture is what lies there.
//
// # Blobs
//
// Blob 1 is the file that the task is about; a blob is read at any offset and
// never as a whole.
//
//	blob_size(blob i32, size i32) i32
//
//	  size→ ┌─────────────────┐
//	        │ i64 bytes       │
//	        └─────────────────┘
//
//	blob_read(blob i32, off i64, p i32, n i32) i32          n ≤ MaxRead
//
//	  p→ ┌──────────────────────────┐
//	     │ bytes off … off+n        │  all of them, or ErrBounds
//	     └──────────────────────────┘
//
//	blob_part(name i32, n i32, blob i32) i32                n ≤ MaxName
//
//	  name→ ┌───────────────┐   blob→ ┌────────────┐
//	        │ n bytes UTF-8 │         │ u32 handle │  of the part with exactly that name
//	        └───────────────┘         └────────────┘
//
//	blob_new(size i64, blob i32) i32                        in load only
//
//	  blob→ ┌────────────┐
//	        │ u32 handle │  of zeros that blob_write may change until load ends
//	        └────────────┘
//
//	blob_write(blob i32, off i64, p i32, n i32) i32         n ≤ MaxRead
//
//	  p→ ┌──────────────────────────┐
//	     │ n bytes                  │
//	     └──────────────────────────┘
//
// # Tensors
//
// A tensor is written before it is used and never after. A Type is 72 bytes;
// dims past the rank are 0.
//
//	t→ ┌───────────┬──────────┬─────────────┐
//	   │ u32 dtype │ u32 rank │ 8 × i64 dim │
//	   └───────────┴──────────┴─────────────┘
//	   0           4          8             72
//
//	tensor_const(blob i32, off i64, t i32, tensor i32) i32  a view of a blob: weights never enter the guest
//	tensor_new(t i32, tensor i32) i32                       zeros
//
//	  tensor→ ┌────────────┐
//	          │ u32 handle │
//	          └────────────┘
//
//	tensor_read(tensor i32, off i64, p i32, n i32) i32      n ≤ MaxReadBack
//	tensor_write(tensor i32, off i64, p i32, n i32) i32     n ≤ MaxReadBack
//
//	  p→ ┌──────────────────────────────────────────┐
//	     │ bytes off … off+n of the tensor          │  row-major elements
//	     └──────────────────────────────────────────┘
//
//	tensor_free(tensor i32) i32
//
// # Programs
//
// A program is built op by op, sealed with its results, and run any number of
// times. Its values are counted from 1. One that is sealed may be an op of
// another, which repeats it; that op keeps it, also when its handle is freed.
//
// What an op does is fixed by its attributes, which are known or follow from the
// sizes of the inputs; where it may depend on the run, such as the start of a
// slice or the number of turns of a [Repeat], the integer is an input of the op
// and its bound is known. One out of bounds is [ErrValue] of the run.
//
//	program_new(program i32) i32                            writes a u32 handle
//	program_input(program i32, t i32, value i32) i32        writes the u32 value of an input of Type t
//	program_const(program i32, tensor i32, value i32) i32   writes the u32 value of a constant
//
//	program_op(program i32, rec i32, n i32, out i32, max i32, count i32) i32
//	                                                        n ≤ MaxRecord, max ≤ MaxOutputs
//
//	  rec→ ┌───────────────┐   count→ ┌─────────────┐
//	       │ a Call        │          │ u32 results │
//	       └───────────────┘          └─────────────┘
//	  out→ ┌───────────┬───────┬──────────────┬───────────┬──
//	       │ u32 value │ u32 0 │ Type         │ u32 value │ …    one of 80 bytes a result
//	       └───────────┴───────┴──────────────┴───────────┴──
//	       0           4       8              80
//
//	program_seal(program i32, rec i32, n i32) i32           n ≤ MaxRecord
//
//	  rec→ ┌───────────────┐
//	       │ a Seal        │
//	       └───────────────┘
//
//	program_run(program i32, in i32, n i32, out i32, max i32, count i32) i32
//	                                                        n, max ≤ MaxArity
//
//	  in→ ┌─────────────────┐  out→ ┌─────────────────┐  count→ ┌─────────────┐
//	      │ n × u32 tensor  │       │ … × u32 tensor  │         │ u32 results │
//	      └─────────────────┘       └─────────────────┘         └─────────────┘
//
//	program_free(program i32) i32
//	program_publish() i32                                   what this run did serves requests of the same types
//
// # Ports
//
//	port_declare(rec i32, n i32) i32                        in load only; n ≤ MaxRecord
//
//	  rec→ ┌───────────────┐
//	       │ a Port        │
//	       └───────────────┘
//
//	run_input(port i32, in i32) i32                         counted from 0 among the inputs
//
//	  in→ ┌────────────┬───────┬──────────────┐
//	      │ u32 tensor │ u32 0 │ Type         │  all zeros where the input is absent
//	      └────────────┴───────┴──────────────┘
//	      0            4       8              80
//
//	run_output(port i32, tensor i32) i32                    counted from 0 among the outputs
//
// # The rest
//
//	emit(kind i32, rec i32, n i32) i32                      n ≤ MaxRecord
//
//	  rec→ ┌───────────────────────────┐
//	       │ text, a Fault or an Item  │  by kind
//	       └───────────────────────────┘
//
//	yield() i32                                             the host may end the guest here
package abi
