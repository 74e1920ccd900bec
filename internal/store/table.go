package store

import (
	"container/heap"
	"slices"
	"strings"
	"time"
)

// table is a map whose entries go when their time comes. It is not safe for
// concurrent use.
type table[V any] struct {
	entries map[string]*entry[V]
	queue   queue[V] // the entries that expire, the first to go in front
}

type entry[V any] struct {
	key     string
	value   V
	expires time.Time // zero: never
	index   int       // in the queue, or -1
}

func newTable[V any]() *table[V] {
	return &table[V]{entries: make(map[string]*entry[V])}
}

// get returns the live entry, or nil.
func (t *table[V]) get(key string, now time.Time) *entry[V] {
	e := t.entries[key]
	if e == nil || gone(e.expires, now) {
		return nil
	}
	return e
}

// put stores value under key, in the place of what is there.
func (t *table[V]) put(key string, value V, expires time.Time) {
	e := t.entries[key]
	if e == nil {
		e = &entry[V]{key: strings.Clone(key), index: -1}
		t.entries[e.key] = e
	}
	e.value, e.expires = value, expires
	switch {
	case e.index >= 0 && expires.IsZero():
		heap.Remove(&t.queue, e.index)
	case e.index >= 0:
		heap.Fix(&t.queue, e.index)
	case !expires.IsZero():
		heap.Push(&t.queue, e)
	}
}

// remove drops the entry, if there is one.
func (t *table[V]) remove(key string) {
	e := t.entries[key]
	if e == nil {
		return
	}
	if e.index >= 0 {
		heap.Remove(&t.queue, e.index)
	}
	delete(t.entries, key)
}

// sweep drops up to n expired entries.
func (t *table[V]) sweep(now time.Time, n int) {
	for ; n > 0 && len(t.queue) > 0 && gone(t.queue[0].expires, now); n-- {
		t.remove(t.queue[0].key)
	}
}

// after returns the first n keys of live entries that come after cursor ("":
// all do), in order. It looks at every key and holds at most 2n.
func (t *table[V]) after(cursor string, n int, now time.Time) []string {
	var (
		keys  []string
		bound string // once there are n keys: the greatest that can still matter
		full  bool
	)
	for key, e := range t.entries {
		if cursor != "" && key <= cursor || full && key >= bound || gone(e.expires, now) {
			continue
		}
		if keys = append(keys, key); len(keys) == 2*n {
			slices.Sort(keys)
			keys = keys[:n]
			bound, full = keys[n-1], true
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))]
}

// queue orders entries by expiry, for container/heap.
type queue[V any] []*entry[V]

func (q queue[V]) Len() int           { return len(q) }
func (q queue[V]) Less(i, j int) bool { return q[i].expires.Before(q[j].expires) }

func (q queue[V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *queue[V]) Push(x any) {
	e := x.(*entry[V])
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop is for container/heap.
func (q *queue[V]) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}
