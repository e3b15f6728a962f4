package engine

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// slack is how much slower than promised a test machine may be.
const slack = 20

func TestTasks(t *testing.T) {
	for _, c := range []struct {
		name string
		task uint64
		ret  uint32
		err  error
	}{
		{"returns", taskOK, 0, nil},
		{"never returns", taskSpin, 0, errBudget},
		{"recurses", taskRecurse, 0, TrapDepth},
		{"takes all memory", taskHog, 0, ErrMemory},
		{"keeps memory", taskRemember, 8 << 20, nil},
		{"sleeps", taskSleep, 3, nil},
		{"panics", taskPanic, 0, TrapUnreachable},
		{"reads", taskRead, 99162322, nil},
		{"collects garbage", taskWork, 1532685700, nil},
		{"follows nil", taskNull, 0, TrapUnreachable},
		{"is not there", 99, 0, TrapUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := instance(t, Options{})
			ret, fuel, err := load(i, c.task)
			if ret != c.ret || !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("%d, %v; want %d, %v", ret, err, c.ret, c.err)
			}
			again, fuelAgain, err := load(instance(t, Options{}), c.task)
			if again != ret || fuelAgain != fuel {
				t.Errorf("the same call gives %d for %d fuel, then %d for %d", ret, fuel, again, fuelAgain)
			}
			if _, _, next := load(i, taskOK); (err == nil) != (next == nil) || err != nil && !errors.Is(next, ErrEnded) {
				t.Errorf("after %v the next call gives %v", err, next)
			}
			if _, err := i.Snapshot(); (c.err == nil) != (err == nil) {
				t.Errorf("after %v a snapshot gives %v", c.err, err)
			}
		})
	}
}

func TestDeadlineEndsALoop(t *testing.T) {
	i := instance(t, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := i.Call(ctx, &box{}, &meter{}, abi.ExportLoad, taskSpin)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
	if d := time.Since(start); d > slack*200*time.Millisecond {
		t.Errorf("ended after %v", d)
	}
}

func TestCollectorDoesNotWaitForAGuest(t *testing.T) {
	i := instance(t, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		i.Call(ctx, &box{}, &meter{}, abi.ExportLoad, taskSpin)
	}()
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	runtime.GC()
	if d := time.Since(start); d > slack*50*time.Millisecond {
		t.Errorf("a collection took %v", d)
	}
	cancel()
	<-done
}

// TestBombs has guests that do as much as they can between two charges.
func TestBombs(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for name, code := range map[string]string{
		"fills all memory":   "\x03\x40\x41\x00\x41\x01\x41\x80\x80\x80\x20\xfc\x0b\x00\x0c\x00\x0b\x41\x00",
		"copies all memory":  "\x03\x40\x41\x01\x41\x00\x41\xff\xff\xff\x1f\xfc\x0a\x00\x00\x0c\x00\x0b\x41\x00",
		"grows by nothing":   "\x03\x40\x41\x00\x40\x00\x1a\x0c\x00\x0b\x41\x00",
		"grows until it may": "\x03\x40\x41\x01\x40\x00\x1a\x0c\x00\x0b\x41\x00",
		"touches each page":  "\x03\x40\x20\x00\x41\x80\x20\x6a\x41\xff\xff\xff\x1f\x71\x22\x00\x41\x01\x3a\x00\x00\x0c\x00\x0b\x41\x00",
		"yields":             "\x03\x40\x10\x00\x1a\x0c\x00\x0b\x41\x00",
		"asks in vain":       "\x03\x40\x41\x00\x10\x01\x1a\x0c\x00\x0b\x41\x00",
		"calls itself twice": "\x20\x00\x41\x14\x46\x04\x40\x20\x00\x0f\x0b\x03\x40\x20\x00\x41\x01\x6a\x10\x02\x1a\x0c\x00\x0b\x41\x00",
	} {
		t.Run(name, func(t *testing.T) {
			code, err := e.Compile(ctx, handMade(t, code))
			if err != nil {
				t.Fatal(err)
			}
			defer code.Close()
			i, err := code.Instantiate(ctx, Options{Memory: 2 * memory})
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			done := make(chan error)
			go func() {
				_, err := i.Call(ctx, &answers{}, &meter{}, abi.ExportLoad, 0)
				done <- err
			}()
			collected := time.Now()
			runtime.GC()
			if d := time.Since(collected); d > slack*50*time.Millisecond {
				t.Errorf("a collection took %v", d)
			}
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrMemory) {
				t.Errorf("it ended with %v", err)
			}
			if d := time.Since(start); d > slack*200*time.Millisecond {
				t.Errorf("it ended after %v", d)
			}
		})
	}
}

func TestExports(t *testing.T) {
	for _, c := range []struct {
		export string
		args   []uint64
	}{{"memory", nil}, {"_initialize", nil}, {"none", nil}, {abi.ExportLoad, nil}, {abi.ExportRun, []uint64{1}}} {
		if _, err := instance(t, Options{}).Call(context.Background(), &box{}, &meter{}, c.export, c.args...); !errors.Is(err, ErrExport) {
			t.Errorf("%s(%d arguments): %v", c.export, len(c.args), err)
		}
	}
}

func TestBoxEndsTheGuest(t *testing.T) {
	want := errors.New("the host's disk failed")
	b := &box{stopped: want}
	if _, err := instance(t, Options{}).Call(context.Background(), b, &meter{}, abi.ExportLoad, taskOK); err != want {
		t.Errorf("ended with %v", err)
	}
}

func TestHostPanicIsAnInternalFault(t *testing.T) {
	b := &box{onSize: func() { panic("a bug") }}
	i := instance(t, Options{})
	_, err := i.Call(context.Background(), b, &meter{}, abi.ExportLoad, taskRead)
	if !errors.Is(err, ErrInternal) || !strings.Contains(err.Error(), "blob_size") {
		t.Errorf("ended with %v", err)
	}
	if _, _, err := load(i, taskOK); !errors.Is(err, ErrEnded) {
		t.Errorf("then %v", err)
	}
}

func TestOneUserAtATime(t *testing.T) {
	i := instance(t, Options{})
	var inside [4]error
	b := &box{blob: []byte("x"), onSize: func() {
		_, inside[0] = i.Call(context.Background(), &box{}, &meter{}, abi.ExportRun)
		_, inside[1] = i.Snapshot()
		inside[2] = i.Restore(&State{})
		if i.MemorySize() == 0 {
			inside[3] = ErrBusy
		}
	}}
	if _, err := i.Call(context.Background(), b, &meter{}, abi.ExportLoad, taskRead); err != nil {
		t.Fatal(err)
	}
	for k, err := range inside {
		if err != ErrBusy {
			t.Errorf("use %d during a call: %v", k, err)
		}
	}
	if _, _, err := load(i, taskOK); err != nil {
		t.Errorf("the call after it: %v", err)
	}
}

func TestRandomNumbersFollowTheSeed(t *testing.T) {
	draw := func(seed uint64) uint32 {
		n, _, err := load(instance(t, Options{Seed: seed}), taskRandom)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b := draw(1), draw(1); a != b {
		t.Errorf("seed 1 gives %d and %d", a, b)
	}
	if a, b := draw(1), draw(2); a == b {
		t.Errorf("seeds 1 and 2 give %d", a)
	}
}

func TestLogIsCapped(t *testing.T) {
	var log bytes.Buffer
	i := instance(t, Options{Log: func(b []byte) { log.Write(b) }})
	if _, _, err := load(i, taskPanic); err == nil {
		t.Fatal("it did not panic")
	}
	if !strings.Contains(log.String(), "index out of range") {
		t.Errorf("the log is %q", log.String())
	}
	log.Reset()
	i = &Instance{log: i.log, logLeft: abi.MaxLog, fuel: &fakeGlobal{}, mem: &linear{}, ctx: context.Background(), meter: &meter{}}
	for range 100 {
		i.logLine(make([]byte, 2*abi.MaxMessage))
	}
	if log.Len() != abi.MaxLog {
		t.Errorf("%d bytes of log", log.Len())
	}
}

func TestCloseDuringCalls(t *testing.T) {
	goGuest(t)
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	code, err := sharedCode()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for range rounds / 2 {
				i, err := code.Instantiate(context.Background(), Options{Memory: memory})
				if err != nil {
					t.Error(err)
					return
				}
				done := make(chan error)
				go func() {
					_, err := i.Call(context.Background(), &box{}, &meter{}, abi.ExportLoad, taskSpin)
					done <- err
				}()
				time.Sleep(time.Duration(r.IntN(1000)) * time.Microsecond)
				i.Close()
				if err := <-done; !errors.Is(err, ErrClosed) {
					t.Errorf("the call gave %v", err)
				}
				i.Close()
				if i.mem.region.Bytes() != nil {
					t.Error("the memory is still there")
				}
			}
		})
	}
	wg.Wait()
}

func TestCloseOrder(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.Compile(ctx, goGuest(t))
	if err != nil {
		t.Fatal(err)
	}
	i, err := code.Instantiate(ctx, Options{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e.Close()
		code.Close()
	}
	if _, err := e.Compile(ctx, goGuest(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("compiling with a closed engine: %v", err)
	}
	if _, err := code.Instantiate(ctx, Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("an instance of closed code: %v", err)
	}
	if _, _, err := load(i, taskWork); err != nil {
		t.Errorf("a call after the engine was closed: %v", err)
	}
	i.Close()
	if !code.life.freed || !e.life.freed {
		t.Error("not given back with the last instance")
	}
	if _, _, err := load(i, taskOK); !errors.Is(err, ErrClosed) {
		t.Errorf("a call of a closed instance: %v", err)
	}
}

func TestModulesThatAreRefused(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for name, wasm := range map[string][]byte{
		"empty":     nil,
		"text":      []byte("(module)"),
		"no memory": []byte("\x00asm\x01\x00\x00\x00"),
	} {
		if _, err := e.Compile(ctx, wasm); !errors.Is(err, ErrModule) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unmetered := []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x01\x07\x0a\x01\x06memory\x02\x00")
	code, err := e.Compile(ctx, unmetered)
	if err != nil {
		t.Fatal(err)
	}
	defer code.Close()
	if _, err := code.Instantiate(ctx, Options{Memory: memory}); !errors.Is(err, ErrModule) {
		t.Errorf("a module that nothing can stop: %v", err)
	}
}
