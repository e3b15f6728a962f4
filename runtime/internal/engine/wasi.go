package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Errnos of WASI.
const (
	wasiOK      = 0
	wasiBadFile = 8
	wasiInvalid = 28
)

// wasi is what the Go runtime of a guest needs to live, answered without any
// resource: a clock that counts fuel, random numbers from the seed, output to
// the log. There are no files, arguments or environment.
var wasi = []function{
	{name: "args_get", price: price{200, 0}, call: nothing},
	{name: "args_sizes_get", price: price{200, 0}, call: noStrings},
	{name: "environ_get", price: price{200, 0}, call: nothing},
	{name: "environ_sizes_get", price: price{200, 0}, call: noStrings},
	{name: "clock_time_get", price: price{200, 0}, call: clockTimeGet},
	{name: "random_get", price: price{200, 8}, length: length{1, 1, 64 << 10}, call: randomGet},
	{name: "fd_write", price: price{2000, 0}, call: fdWrite},
	{name: "sched_yield", price: price{200, 0}, call: nothing},
	{name: "poll_oneoff", price: price{2000, 0}, call: pollOneoff},
	{name: "proc_exit", price: price{200, 0}, call: procExit},

	{name: "fd_close", price: price{200, 0}, call: noFile},
	{name: "fd_read", price: price{200, 0}, call: noFile},
	{name: "fd_fdstat_get", price: price{200, 0}, call: noFile},
	{name: "fd_fdstat_set_flags", price: price{200, 0}, call: noFile},
	{name: "fd_prestat_get", price: price{200, 0}, call: noFile},
	{name: "fd_prestat_dir_name", price: price{200, 0}, call: noFile},
}

func nothing(frame, abi.Box) abi.Errno { return wasiOK }
func noFile(frame, abi.Box) abi.Errno  { return wasiBadFile }

// noStrings answers that there are none, taking no bytes.
func noStrings(f frame, _ abi.Box) abi.Errno {
	for k := range 2 {
		out, ok := f.at(k, 4)
		if !ok {
			return wasiInvalid
		}
		binary.LittleEndian.PutUint32(out, 0)
	}
	return wasiOK
}

// clockTimeGet answers with the fuel consumed so far, as nanoseconds: time
// passes, and is the same in every run.
func clockTimeGet(f frame, _ abi.Box) abi.Errno {
	out, ok := f.at(2, 8)
	if !ok {
		return wasiInvalid
	}
	binary.LittleEndian.PutUint64(out, uint64(f.clock))
	return wasiOK
}

func randomGet(f frame, _ abi.Box) abi.Errno {
	out, ok := f.at(0, int64(f.u32(1)))
	if !ok {
		return wasiInvalid
	}
	for len(out) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], f.random.Uint64())
		out = out[copy(out, word[:]):]
	}
	return wasiOK
}

// fdWrite takes lines for the log: (fd, vectors, count, written). A vector is
// a pointer and a length.
func fdWrite(f frame, _ abi.Box) abi.Errno {
	fd, count := f.u32(0), f.u32(2)
	if fd != 1 && fd != 2 {
		return wasiBadFile
	}
	vectors, ok1 := f.at(1, 8*int64(min(count, 16)))
	written, ok2 := f.at(3, 4)
	if !ok1 || !ok2 {
		return wasiInvalid
	}
	total := uint32(0)
	for ; len(vectors) > 0; vectors = vectors[8:] {
		line, ok := f.bytes(binary.LittleEndian.Uint32(vectors), int64(binary.LittleEndian.Uint32(vectors[4:])))
		if !ok {
			return wasiInvalid
		}
		total += uint32(len(line))
		if !f.logLine(line) {
			break
		}
	}
	binary.LittleEndian.PutUint32(written, total)
	return wasiOK
}

// logLine passes a copy of line on, cut to what is accepted, and reports
// whether more may follow.
func (i *Instance) logLine(line []byte) bool {
	n := min(len(line), abi.MaxMessage, i.logLeft)
	i.logLeft -= n
	if n > 0 && i.log != nil && i.charge(int64(n)) {
		i.log(append([]byte(nil), line[:n]...))
	}
	return i.end == nil
}

// The layout of a subscription to poll_oneoff, and of the event that answers
// it. Only clocks are served, by letting the clock pass: a sleeping guest
// spends its fuel.
const (
	subscriptionSize = 48
	subscriptionTag  = 8  // u8: 0 is a clock
	subscriptionTime = 24 // u64 nanoseconds
	subscriptionFlag = 40 // u16: 1 is an absolute time
	eventSize        = 32
	maxSubscriptions = 16
)

// pollOneoff is (subscriptions, events, count, answered).
func pollOneoff(f frame, _ abi.Box) abi.Errno {
	n := int64(f.u32(2))
	if n == 0 || n > maxSubscriptions {
		return wasiInvalid
	}
	subs, ok1 := f.at(0, n*subscriptionSize)
	events, ok2 := f.at(1, eventSize)
	answered, ok3 := f.at(3, 4)
	if !ok1 || !ok2 || !ok3 {
		return wasiInvalid
	}
	const maxSleep = 1 << 53
	sleep, user := uint64(maxSleep), uint64(0)
	for ; len(subs) > 0; subs = subs[subscriptionSize:] {
		if subs[subscriptionTag] != 0 {
			continue
		}
		d := binary.LittleEndian.Uint64(subs[subscriptionTime:])
		if binary.LittleEndian.Uint16(subs[subscriptionFlag:])&1 != 0 {
			d -= min(d, uint64(f.clock))
		}
		if d < sleep {
			sleep, user = d, binary.LittleEndian.Uint64(subs)
		}
	}
	if sleep == maxSleep {
		return wasiInvalid
	}
	if !f.charge(int64(sleep)) {
		return wasiInvalid
	}
	clear(events)
	binary.LittleEndian.PutUint64(events, user)
	binary.LittleEndian.PutUint32(answered, 1)
	return wasiOK
}

func procExit(f frame, _ abi.Box) abi.Errno {
	f.stop(fmt.Errorf("%w with code %d", TrapExit, f.u32(0)))
	return wasiOK
}
