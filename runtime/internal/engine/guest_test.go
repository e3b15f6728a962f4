package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
)

// buildGuest is testdata/guest as a rewritten module, built once for all tests.
var buildGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return vet.Rewrite(wasm, vet.Policy{Own: true})
})

// handMade is a module with a load of the given instructions, of one i32 to
// another, and 64 MiB of memory. Function 0 is yield, 1 tensor_free.
func handMade(t testing.TB, code string) []byte {
	t.Helper()
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	body := "\x00" + code + "\x0b"
	for _, s := range []struct {
		id   byte
		body string
	}{
		{1, "\x02\x60\x00\x01\x7f\x60\x01\x7f\x01\x7f"}, // () i32, (i32) i32
		{2, "\x02\x0bglovebox_v1\x05yield\x00\x00\x0bglovebox_v1\x0btensor_free\x00\x01"},
		{3, "\x02\x01\x00"}, // load and run
		{5, "\x01\x00\x80\x08"},
		{7, "\x03\x06memory\x02\x00\x04load\x00\x02\x03run\x00\x03"},
		{10, "\x02" + string(rune(len(body))) + body + "\x04\x00\x41\x00\x0b"},
		{11, "\x01\x00\x41\x00\x0b\x08\x07\x00\x00\x00\xef\xbe\xad\xde"},
	} {
		wasm = append(append(wasm, s.id, byte(len(s.body))), s.body...)
	}
	wasm, err := vet.Rewrite(wasm, vet.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// tinyGuest frees the tensor whose handle is the lower half of the number in
// memory, and leaves the upper half in the slot.
func tinyGuest(t testing.TB) []byte { return handMade(t, "\x41\x00\x29\x03\x00\xa7\x10\x01") }

// The tasks of testdata/guest.
const (
	taskOK = iota + 1
	taskSpin
	taskRecurse
	taskHog
	taskRemember
	taskRecall
	taskRandom
	taskSleep
	taskPanic
	taskRead
	taskWork
	taskNull
)

func goGuest(t testing.TB) []byte {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool here to build a guest with")
	}
	wasm, err := buildGuest()
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// sharedCode is the guest compiled once: it takes half a second.
var sharedCode = sync.OnceValues(func() (*Code, error) {
	e, err := New(context.Background(), Config{})
	if err != nil {
		return nil, err
	}
	wasm, err := buildGuest()
	if err != nil {
		return nil, err
	}
	return e.Compile(context.Background(), wasm)
})

const memory = 64 << 20

func instance(t testing.TB, o Options) *Instance {
	t.Helper()
	goGuest(t)
	code, err := sharedCode()
	if err != nil {
		t.Fatal(err)
	}
	if o.Memory == 0 {
		o.Memory = memory
	}
	i, err := code.Instantiate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// box is a host that has one blob. What it does not have is never asked for.
type box struct {
	abi.Box
	blob    []byte
	onSize  func()
	stopped error
}

func (b *box) BlobSize(h abi.Handle) (int64, abi.Errno) {
	if b.onSize != nil {
		b.onSize()
	}
	if h != 1 {
		return 0, abi.ErrHandle
	}
	return int64(len(b.blob)), abi.OK
}

func (b *box) BlobRead(_ abi.Handle, off int64, p []byte) abi.Errno {
	if off < 0 || off > int64(len(b.blob)) || copy(p, b.blob[off:]) != len(p) {
		return abi.ErrBounds
	}
	return abi.OK
}

func (b *box) Yield() abi.Errno { return abi.OK }
func (b *box) Stopped() error   { return b.stopped }

var errBudget = errors.New("the budget is spent")

// meter counts fuel and ends the guest at a limit.
type meter struct{ used, limit int64 }

func (m *meter) Fuel(n int64) error {
	m.used += n
	if m.limit > 0 && m.used > m.limit {
		return errBudget
	}
	return nil
}

// load runs one task with a budget that is large enough for all but endless
// ones.
func load(i *Instance, task uint64) (ret uint32, fuel int64, err error) {
	m := &meter{limit: 2e9}
	ret, err = i.Call(context.Background(), &box{blob: []byte("hello")}, m, abi.ExportLoad, task)
	return ret, m.used, err
}
