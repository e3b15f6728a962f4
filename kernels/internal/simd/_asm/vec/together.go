package vec

import "iter"

// pause lets the next of several bodies go on that are written together.
var pause = func() {}

// Together writes n bodies, of each an instruction in turn. A processor waits
// for the results of one that follow each other while it computes others, but
// looks only so far ahead for them.
func Together(n int, body func(i int)) {
	defer func(was func()) { pause = was }(pause)
	var turns []func() (struct{}, bool)
	for i := range n {
		turn, stop := iter.Pull(func(yield func(struct{}) bool) {
			pause = func() { yield(struct{}{}) }
			body(i)
		})
		defer stop()
		turns = append(turns, turn)
	}
	pauses := make([]func(), n)
	for left := n; left > 0; {
		for i, turn := range turns {
			if turn == nil {
				continue
			}
			if pauses[i] != nil {
				pause = pauses[i]
			}
			if _, more := turn(); !more {
				turns[i] = nil
				left--
			}
			pauses[i] = pause
		}
	}
}
