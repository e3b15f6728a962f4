package engine

import "github.com/tetratelabs/wazero"

// Cache is a directory of compiled code.
type Cache struct{ wz wazero.CompilationCache }
