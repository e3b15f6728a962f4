package scan

import "github.com/glovebox-ml/glovebox/guest/abi"

// Refuse ends the load or the run with f. It does not return.
func Refuse(f abi.Fault) { panic(&f) }

// Catch calls f and returns the fault that it was ended with, or nil. Any
// other panic goes on.
func Catch(f func()) (fault *abi.Fault) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *abi.Fault:
			fault = r
		default:
			panic(r)
		}
	}()
	f()
	return nil
}
