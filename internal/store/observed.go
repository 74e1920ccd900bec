package store

import (
	"context"
	"errors"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// observed tells how long each call of a Store took, and what went wrong with
// the store: that a record is absent is an answer.
type observed struct {
	authserver.Store
	observe func(op string, took time.Duration, err error)
}

func (o *observed) took(op string, began time.Time, err *error) {
	wrong := *err
	if errors.Is(wrong, authserver.ErrNotFound) || errors.Is(wrong, authserver.ErrExists) {
		wrong = nil
	}
	o.observe(op, time.Since(began), wrong)
}

// Get implements [authserver.Store].
func (o *observed) Get(ctx context.Context, kind authserver.Kind, id string) (_ authserver.Record, err error) {
	defer o.took("get", time.Now(), &err)
	return o.Store.Get(ctx, kind, id)
}

// Create implements [authserver.Store].
func (o *observed) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) (err error) {
	defer o.took("create", time.Now(), &err)
	return o.Store.Create(ctx, kind, id, rec)
}

// Update implements [authserver.Store].
func (o *observed) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) (err error) {
	var wrong error
	defer o.took("update", time.Now(), &wrong)
	var own error // of fn: no matter of the store's
	err = o.Store.Update(ctx, kind, id, func(old *authserver.Record) (next *authserver.Record, err error) {
		next, own = fn(old)
		return next, own
	})
	if own == nil {
		wrong = err
	}
	return err
}

// Take implements [authserver.Store].
func (o *observed) Take(ctx context.Context, kind authserver.Kind, id string) (_ authserver.Record, err error) {
	defer o.took("take", time.Now(), &err)
	return o.Store.Take(ctx, kind, id)
}

// Delete implements [authserver.Store].
func (o *observed) Delete(ctx context.Context, kind authserver.Kind, id string) (err error) {
	defer o.took("delete", time.Now(), &err)
	return o.Store.Delete(ctx, kind, id)
}

// List implements [authserver.Store].
func (o *observed) List(ctx context.Context, kind authserver.Kind, cursor string) (_ []authserver.Entry, _ string, err error) {
	defer o.took("list", time.Now(), &err)
	return o.Store.List(ctx, kind, cursor)
}

// Incr implements [authserver.Store].
func (o *observed) Incr(ctx context.Context, key string, window time.Duration) (_ int64, err error) {
	defer o.took("incr", time.Now(), &err)
	return o.Store.Incr(ctx, key, window)
}
