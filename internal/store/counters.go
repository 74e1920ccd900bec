package store

import (
	"sync"
	"time"
)

// maxCounters bounds the windows that are counted at once. Over it, the window
// that ends first goes.
const maxCounters = 1 << 18

// counters are the windows of Incr, in the memory of this process. They bound
// what strangers may do, so counting must cost less than what it bounds: a
// flood must not become a flood of fsyncs. A restart begins new windows.
type counters struct {
	mu    sync.Mutex
	table *table[int64]
}

func newCounters() *counters {
	return &counters{table: newTable[int64]()}
}

// incr counts one more event under key.
func (c *counters) incr(key string, window time.Duration, now time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.table.sweep(now, sweepSize)
	if e := c.table.get(key, now); e != nil {
		e.value++
		return e.value
	}
	if len(c.table.queue) >= maxCounters {
		c.table.remove(c.table.queue[0].key)
	}
	c.table.put(key, 1, now.Add(window))
	return 1
}
