package abi

// Function is an import of Module. Params has one letter for each parameter:
// i is i32 (a handle, a pointer, a length), I is i64 (an offset, a size). Each
// function returns an Errno as i32.
type Function struct{ Name, Params string }

// Functions are all that a guest may import from Module.
func Functions() []Function {
	return []Function{
		{"blob_size", "ii"},
		{"blob_read", "iIii"},
		{"blob_part", "iii"},
		{"blob_new", "Ii"},
		{"blob_write", "iIii"},
		{"tensor_const", "iIii"},
		{"tensor_new", "ii"},
		{"tensor_read", "iIii"},
		{"tensor_write", "iIii"},
		{"tensor_free", "i"},
		{"program_new", "i"},
		{"program_input", "iii"},
		{"program_const", "iii"},
		{"program_op", "iiiiii"},
		{"program_seal", "iii"},
		{"program_run", "iiiiii"},
		{"program_free", "i"},
		{"program_publish", ""},
		{"port_declare", "ii"},
		{"run_input", "ii"},
		{"run_output", "ii"},
		{"emit", "iii"},
		{"yield", ""},
	}
}
