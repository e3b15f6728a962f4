// Package vet decides which wasm may be run, and rewrites what may so that it
// can be stopped: it counts fuel, bounds the depth of calls and yields.
//
// It reads hostile bytes before any engine does. Everything is on an
// allow-list: sections, opcodes, types, imports. Every index is checked against
// the module as it was written, so that nothing can come to mean what the
// rewriter adds.
package vet

import "github.com/glovebox-ml/glovebox/guest/abi"

// Policy says whose module it is and what it may import.
type Policy struct {
	// Own is a guest that we compiled ourselves: the caps are wider, and it
	// may import what a Go program needs of WASI.
	Own bool
	// Imports are the functions that a guest may import. Nil means
	// Functions.
	Imports []Import
	// Bare leaves the data out, for a guest that is shipped with a Begun.
	Bare bool
	// Keep, if there is one, says which functions stay, by their index. The
	// others trap where they are called.
	Keep func(function int) bool
}

// Import is a function that a guest may import. Params and Results have one
// letter for each value: i is i32, I is i64.
type Import struct {
	Module, Name    string
	Params, Results string
}

// Functions are the imports of package abi.
func Functions() []Import {
	var list []Import
	for _, f := range abi.Functions() {
		list = append(list, Import{abi.Module, f.Name, f.Params, "i"})
	}
	return list
}

// WASI is what the runtime and the standard library of Go import.
func WASI() []Import {
	const module = "wasi_snapshot_preview1"
	return []Import{
		{module, "args_get", "ii", "i"},
		{module, "args_sizes_get", "ii", "i"},
		{module, "environ_get", "ii", "i"},
		{module, "environ_sizes_get", "ii", "i"},
		{module, "clock_time_get", "iIi", "i"},
		{module, "random_get", "ii", "i"},
		{module, "fd_write", "iiii", "i"},
		{module, "sched_yield", "", "i"},
		{module, "poll_oneoff", "iiii", "i"},
		{module, "proc_exit", "i", ""},
		{module, "fd_close", "i", "i"},
		{module, "fd_read", "iiii", "i"},
		{module, "fd_fdstat_get", "ii", "i"},
		{module, "fd_fdstat_set_flags", "ii", "i"},
		{module, "fd_prestat_get", "ii", "i"},
		{module, "fd_prestat_dir_name", "iii", "i"},
	}
}

// allowed is the functions that a guest may import, by module and name.
func (p Policy) allowed() map[[2]string]Import {
	list := p.Imports
	if list == nil {
		list = Functions()
	}
	if p.Own {
		list = append(list[:len(list):len(list)], WASI()...)
	}
	m := make(map[[2]string]Import, len(list))
	for _, f := range list {
		m[[2]string{f.Module, f.Name}] = f
	}
	return m
}

func (p Policy) caps() *caps {
	if p.Own {
		return &own
	}
	return &foreign
}
