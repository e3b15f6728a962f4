package engine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
)

// goGuest is testdata/guest, built once for all tests.
var goGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	w, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return vet.Rewrite(w, vet.Policy{Own: true})
})

// box is a host with one blob.
type box struct {
	abi.Box
	blob    []byte
	stopped error
}

func (b *box) BlobSize(h abi.Handle) (int64, abi.Errno) {
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

// meter counts fuel and ends the guest at a limit.
type meter struct {
	used, limit int64
	err         error
}

func (m *meter) Fuel(n int64) error {
	m.used += n
	if m.limit > 0 && m.used > m.limit {
		return m.err
	}
	return nil
}

func TestFirst(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := goGuest()
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.Compile(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	inst := func() *Instance {
		i, err := code.Instantiate(ctx, Options{Memory: 64 << 20, Log: func(b []byte) { t.Logf("%q", b) }})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	b := &box{blob: []byte("hello")}
	for _, task := range []uint64{1, 4, 5, 6, 7, 8, 9, 10, 11, 12} {
		i := inst()
		m := &meter{}
		r, err := i.Call(ctx, b, m, "load", task)
		t.Log(task, r, err, m.used, i.MemorySize())
		s, err := i.Snapshot()
		if err != nil {
			t.Log(err)
			continue
		}
		for _, second := range []uint64{1, 5, 1} {
			err = i.Restore(s)
			t.Log(err, i.MemorySize())
			r, err = i.Call(ctx, b, m, "load", second)
			t.Log(r, err, m.used, i.MemorySize())
		}
		i.Close()
	}
}
