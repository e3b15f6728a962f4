package vet

// caps bounds what an engine is asked to compile. Each number was chosen so
// that a module just below all of them compiles in about a second and 150 MB,
// while what compilers really emit stays far below.
type caps struct {
	file       int // all else is at most proportional to it
	types      int // compared with each other by engines
	imports    int // the host has some forty functions
	functions  int // an engine keeps about a kilobyte for each
	body       int // compile time grows faster than the size of a body
	locals     int // ten bytes can declare 2³² of them
	work       int // loops × (loops + locals) of a function: engines carry each local around each loop and search loops for each other
	allWork    int // and of the module
	nesting    int // engines keep a stack of labels
	targets    int // br_table targets of a function: each is an edge of its flow graph
	allTargets int // and of the module
	values     int // params, and results, of a type
	globals    int
	table      int // eight bytes an entry, in every instance
	elements   int // element segments
	segments   int // data segments
	data       int // bytes of data segments, copied into every instance
	exports    int
	name       int // bytes of a name
}

// foreign is what code that somebody else made must stay within.
var foreign = caps{
	file: 8 << 20, types: 2000, imports: 128, functions: 20000, body: 256 << 10, locals: 1000, work: 200_000, allWork: 4_000_000,
	nesting: 2048, targets: 4096, allTargets: 65536, values: 64, globals: 1000, table: 65536, elements: 1000,
	segments: 30000, data: 16 << 20, exports: 64, name: 256,
}

// own is for a guest that we compiled ourselves, when it is built: Go writes a
// data segment for every few words.
var own = caps{
	file: 64 << 20, types: 2000, imports: 128, functions: 100_000, body: 1 << 20, locals: 5000, work: 5_000_000, allWork: 50_000_000,
	nesting: 8192, targets: 1 << 16, allTargets: 1 << 22, values: 64, globals: 1000, table: 1 << 20, elements: 1000,
	segments: 1 << 20, data: 64 << 20, exports: 64, name: 256,
}
