package runtime

import (
	"context"

	"github.com/glovebox-ml/glovebox/host"
)

// OpTime is what the calls of one operation on the same types took in a run.
type OpTime = host.ProfileLine

// Profile is Run, so many times, with every kernel call timed, the slowest
// first. No other run of the model should be under way.
func (m *Model) Profile(ctx context.Context, in Values, runs int) ([]OpTime, error) {
	return m.host.Profiled(runs, func() error {
		_, err := m.Run(ctx, in)
		return err
	})
}
