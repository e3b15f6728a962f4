// Package host answers the guest. It holds what a guest may name (blobs,
// tensors, programs), charges what it uses, checks each program as it is
// built, and runs it with the kernels.
//
// The guest is taken to be hostile from its first instruction: it may have
// been taken over by the file it parses or by the request it serves. Every
// argument of every method of Box is checked here, once, on a copy. Nothing in
// this package reads a model format, and nothing in it depends on what the
// guest claims to be doing.
//
// The parts, in the order in which a request meets them:
//
//	table.go    the operations that exist: the page an auditor reads first
//	blob.go     files, hashed piece by piece as they are read
//	box*.go     the imports
//	program.go  programs: built op by op, sealed, bound to other sizes
//	layout.go   where each value of a program lives, and what a run costs
//	prologue.go constants: read, computed and packed once a model, in memory that spare.go hands on
//	arena.go    what runs compute in, frame.go a program ready to do so
//	run.go      one program, one run
//	repeat.go   a program that another runs turn by turn
//	plan.go     what runs published, bind.go for other sizes, serve.go without a guest
//	ledger.go   memory and work, charged before they are spent
//
// This package may change at any release.
package host
