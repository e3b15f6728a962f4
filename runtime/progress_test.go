package runtime

import "testing"

func TestWatchReportsStartAndEnd(t *testing.T) {
	var events []Event
	r := reading{total: 10}
	r.done.Store(5)
	ctx := WithProgress(t.Context(), func(e Event) { events = append(events, e) })
	stop := r.watch(ctx, StageLoad)
	r.done.Store(25)
	stop()
	if len(events) < 2 || events[len(events)-1] != (Event{StageLoad, 10, 10}) {
		t.Errorf("%v", events)
	}
	r.watch(t.Context(), StageLoad)()
}
