//go:build wasip1

package box

//go:wasmimport glovebox_v1 blob_size
//go:noescape
func blobSize(blob uint32, size *int64) uint32

//go:wasmimport glovebox_v1 blob_read
//go:noescape
func blobRead(blob uint32, off int64, p *byte, n uint32) uint32

//go:wasmimport glovebox_v1 blob_part
//go:noescape
func blobPart(name string, blob *uint32) uint32

//go:wasmimport glovebox_v1 blob_new
//go:noescape
func blobNew(size int64, blob *uint32) uint32

//go:wasmimport glovebox_v1 blob_write
//go:noescape
func blobWrite(blob uint32, off int64, p *byte, n uint32) uint32

//go:wasmimport glovebox_v1 tensor_const
//go:noescape
func tensorConst(blob uint32, off int64, typ *byte, tensor *uint32) uint32

//go:wasmimport glovebox_v1 tensor_new
//go:noescape
func tensorNew(typ *byte, tensor *uint32) uint32

//go:wasmimport glovebox_v1 tensor_read
//go:noescape
func tensorRead(tensor uint32, off int64, p *byte, n uint32) uint32

//go:wasmimport glovebox_v1 tensor_write
//go:noescape
func tensorWrite(tensor uint32, off int64, p *byte, n uint32) uint32

//go:wasmimport glovebox_v1 tensor_free
func tensorFree(tensor uint32) uint32

//go:wasmimport glovebox_v1 program_new
//go:noescape
func programNew(program *uint32) uint32

//go:wasmimport glovebox_v1 program_input
//go:noescape
func programInput(program uint32, typ *byte, value *uint32) uint32

//go:wasmimport glovebox_v1 program_const
//go:noescape
func programConst(program, tensor uint32, value *uint32) uint32

//go:wasmimport glovebox_v1 program_op
//go:noescape
func programOp(program uint32, rec *byte, n uint32, out *byte, capacity uint32, count *uint32) uint32

//go:wasmimport glovebox_v1 program_seal
//go:noescape
func programSeal(program uint32, rec *byte, n uint32) uint32

//go:wasmimport glovebox_v1 program_run
//go:noescape
func programRun(program uint32, in *uint32, n uint32, out *uint32, capacity uint32, count *uint32) uint32

//go:wasmimport glovebox_v1 program_free
func programFree(program uint32) uint32

//go:wasmimport glovebox_v1 program_publish
func programPublish() uint32

//go:wasmimport glovebox_v1 port_declare
//go:noescape
func portDeclare(rec *byte, n uint32) uint32

//go:wasmimport glovebox_v1 run_input
//go:noescape
func runInput(port uint32, input *byte) uint32

//go:wasmimport glovebox_v1 run_output
func runOutput(port, tensor uint32) uint32

//go:wasmimport glovebox_v1 emit
//go:noescape
func emit(kind uint32, rec *byte, n uint32) uint32

//go:wasmimport glovebox_v1 yield
func yield() uint32
